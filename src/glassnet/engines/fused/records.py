"""The records that compiled functions pass to each other: arrays, the current batch, a block of rows and panels."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from glassnet._utils.arrays import Array
from glassnet.engines.fused.arrays import always_inline, view
from glassnet.engines.fused.processor import INNER


class KernelArgs(NamedTuple):
    """The arguments of the loop: flat arrays and records."""

    net: Array  # (1,) NET
    layers: Array  # (L+1,) LAYER
    floats: Array
    ints: Array  # int64: where rows begin
    terms: Array  # int32: lists of nonzero inputs, and their lengths
    bits: Array  # uint64: the nonzero blocks of each row; a square for each thread
    stats: Array  # float64: the loss of each row of a batch, its score, the sums of each chunk
    x: Array  # all rows, or the entries of CSR; numbers or bytes
    starts: Array  # int64: where each row begins among CSR's entries
    columns: Array  # int32: the column of each of CSR's entries
    order: Array  # int64: the row numbers in the order of training
    classes: Array  # int64 (rows,), or empty
    values: Array  # (rows, columns), or empty
    weights: Array  # (rows,), or empty
    steps: Array  # (batches, N_CONSTANTS) of the rule
    keys: Array  # uint32 (batches, L) of dropout
    outputs: Array  # (rows of a run, outputs), or empty
    records: Array  # float64 (batches of a run, RECORD_SIZE)
    flags: Array


class Memory(NamedTuple):
    """The arrays of a workspace: what most functions need of `KernelArgs`."""

    net: Array  # (1,) NET
    layers: Array
    floats: Array
    ints: Array
    terms: Array
    stats: Array
    steps: Array


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
    return Memory(args.net, args.layers, args.floats, args.ints, args.terms, args.stats, args.steps)


@njit(**INNER)
def borrowed(args):
    """Return the same arguments without counting references to their arrays: the caller holds them."""
    always_inline()
    return KernelArgs(
        _borrow(args.net), _borrow(args.layers), _borrow(args.floats), _borrow(args.ints), _borrow(args.terms),
        _borrow(args.bits), _borrow(args.stats), _borrow(args.x), _borrow(args.starts), _borrow(args.columns),
        _borrow(args.order), _borrow(args.classes), _borrow(args.values), _borrow(args.weights), _borrow(args.steps),
        _borrow(args.keys), _borrow(args.outputs), _borrow(args.records), _borrow(args.flags),
    )  # fmt: skip


@njit(**INNER)
def _borrow(array):
    always_inline()
    return view(array, 0, array.size)
