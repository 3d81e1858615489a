"""The records that compiled functions pass to each other: arrays, the current batch, a block of rows and panels."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from glassnet._utils.arrays import Array
from glassnet.engines.fused.arrays import always_inline
from glassnet.engines.fused.processor import INNER


class Memory(NamedTuple):
    """What most functions need of `glassnet.engines.fused.kernel_args.KernelArgs`."""

    net: Array  # (1,) NET
    layers: Array
    floats: Array
    ints: Array
    terms: Array
    stats: Array
    steps: Array
    x: Array
    x_bytes: Array


class Batch(NamedTuple):
    """One thread's view of a batch."""

    thread: int
    number: int  # in this run
    start: int  # in the order
    size: int
    parity: int  # of its number in the training: 0 or 1
    keys: Array  # uint32 (L,) of dropout


class RowBlock(NamedTuple):
    """Rows first … last-1 of a batch and panels, or columns, p0 … p1-1 of a layer."""

    first: int
    last: int
    p0: int
    p1: int


class LeftOperand(NamedTuple):
    """The left matrix A of a product, by rows: see `glassnet.engines.fused.kernel.tile`."""

    numbers: Array  # or bytes
    table: Array
    table_at: int
    rows: Array  # int64: where each row begins in `numbers`
    first: int  # the first of these rows
    column: int


class Terms(NamedTuple):
    """The terms k of a product: ``numbers[at]`` … ``numbers[at + size - 1]``, or 0 … size-1 if ``at`` is negative."""

    numbers: Array  # int32
    at: int
    size: int


class Panels(NamedTuple):
    """A matrix in panels: row k of a panel begins at ``numbers[at + k step]``, the next panel ``panel_step`` later."""

    numbers: Array
    at: int
    step: int
    panel_step: int


@njit(**INNER)
def at_row(left, row):
    """Return an operand without its first rows."""
    always_inline()
    return LeftOperand(left.numbers, left.table, left.table_at, left.rows, left.first + row, left.column)


@njit(**INNER)
def at_offset(panels, offset):
    """Return panels that begin some numbers later."""
    always_inline()
    return Panels(panels.numbers, panels.at + offset, panels.step, panels.panel_step)


@njit(**INNER)
def memory(args):
    """Return the arrays that most functions need."""
    always_inline()
    return Memory(
        args.net, args.layers, args.floats, args.ints, args.terms, args.stats, args.steps, args.x, args.x_bytes
    )
