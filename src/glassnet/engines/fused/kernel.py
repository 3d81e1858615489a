"""The register tile: the one piece of the engine that is emitted as LLVM IR, and its small relatives: transpose, sums.

A tile is a block of a matrix product, `height` rows by `vectors` vector registers, that stays in registers from its
first term to its last::

                     B   k → [ b0 b1 … b15 | b16 … b31 ]      a row of B: `vectors` loads
                               ↓             ↓
      A(0, k)  ───────────►  acc[0][0]     acc[0][1]          each number of A is copied to all lanes
      A(1, k)  ───────────►  acc[1][0]     acc[1][1]          and multiplied into its row of the tile:
         ⋮                       ⋮             ⋮              acc[r][v] += A(r, k) · b[v], one instruction
      A(7, k)  ───────────►  acc[7][0]     acc[7][1]

Each accumulator is summed over k in order, by one thread, in one register: so its bits depend on nothing but its terms.
A term whose A is 0 adds nothing to it, which is why zeros may be left out without changing a bit (`terms`).

Everything around the tile (activations, losses, the optimizers) is plain Numba in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.fused.arrays import I32, I64, as_int64, emit_prefetch, number, pointer, vector_pointer
from glassnet.engines.fused.processor import CHECKED, INNER, PANEL_VECTORS, VECTOR_BYTES

#: Rows of B whose A is fetched ahead when A is read across the rows, which the processor can't foresee.
PREFETCH_DISTANCE = 8
#: In the place of a list of terms: walk all of them; and ask meanwhile for the rows of A that the next tile reads.
ALL_TERMS, ALL_TERMS_PREFETCH = -1, -2


def tile(height: int, vectors: int, across: bool = False) -> Callable[..., None]:
    """Return a compiled function that computes one tile, C = Σ_k A(·, k) B[k, ·], and stores it.

    Its arguments are flat arrays and places in them::

        tile(a, table, table_at, rows, first, column, terms, listed, count,
             b, b_at, b_step, b_panel, c, c_at, c_step, c_panel, more)

    - A(r, k) is ``a[rows[first + r] + column + k]`` or, with `across`, ``a[rows[first + k] + column + r]``. Where ``a``
      holds bytes, each stands for ``table[table_at + byte]``.
    - k runs over ``terms[listed]`` … ``terms[listed + count - 1]``, or over 0 … count-1 if ``listed`` is `ALL_TERMS` or
      `ALL_TERMS_PREFETCH` (for ``across=False``).
    - row k of B begins at ``b[b_at + k b_step]``; its vectors lie side by side, two by two: the third begins
      ``b_panel`` numbers after the first. C is laid out in the same way.
    - where ``more`` is 1 the sum goes on from what C holds, where it is 0 it begins.
    """
    if CHECKED:
        return _checked_tile(height, vectors, across)

    @intrinsic
    def emit(
        context, a, table, table_at, rows, first, column, terms, listed, count,
        b, b_at, b_step, b_panel, c, c_at, c_step, c_panel, more,
    ):  # fmt: skip
        signature = types.void(
            a, table, table_at, rows, first, column, terms, listed, count,
            b, b_at, b_step, b_panel, c, c_at, c_step, c_panel, more,
        )  # fmt: skip

        def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
            given = [
                pointer(target, builder, kind, value) if isinstance(kind, types.Array) else value
                for kind, value in zip(signature.args, as_int64(target, builder, signature, values), strict=True)
            ]
            element, product = (target.get_data_type(signature.args[index].dtype) for index in (0, 9))
            function = _tile_function(
                builder.module, element, product, [v.type for v in given], height, vectors, across
            )
            builder.call(function, given)
            return target.get_dummy_value()

        return signature, generate

    return emit


def _tile_function(module: Any, element: Any, number: Any, shapes: Any, height: int, vectors: int, across: bool) -> Any:
    """Return the tile's function in a module, made at its first use: one copy, whoever calls it."""
    name = f"glassnet_tile_{height}x{vectors}_{'across' if across else 'along'}_{element}_{number}_{VECTOR_BYTES}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), shapes), name)
    function.linkage = "linkonce_odr"
    for attribute in ("noinline", "nounwind"):
        function.attributes.add(attribute)
    for argument in function.args:
        if isinstance(argument.type, ir.PointerType):
            argument.add_attribute("noalias")  # C overlaps nothing that is read
    (
        a, table, table_at, rows, first, column, terms, listed, count,
        b, b_at, b_step, b_panel, c, c_at, c_step, c_panel, more,
    ) = function.args  # fmt: skip
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    size = 8 if isinstance(number, ir.DoubleType) else 4
    width = VECTOR_BYTES // size
    vector = ir.VectorType(number, width)
    # one instruction where the processor has it, a product and a sum where it has not
    kind = ir.FunctionType(vector, [vector] * 3)
    multiply_add = cgutils.get_or_insert_function(module, kind, f"llvm.fmuladd.v{width}f{8 * size}")

    def whole(value: int) -> Any:
        return ir.Constant(I64, value)

    def place_of(start: Any, step: Any, row: Any, v: int, panel: Any) -> Any:
        at = builder.add(start, builder.mul(step, row))
        at = builder.add(at, builder.mul(panel, whole(v // PANEL_VECTORS)))
        return builder.add(at, whole(v % PANEL_VECTORS * width))

    def load_vector(array: Any, at: Any) -> Any:
        return builder.load(vector_pointer(builder, array, at, vector), align=size)

    def to_all_lanes(index: Any) -> Any:
        value = builder.load(index)
        if element != number:
            value = builder.load(builder.gep(table, [builder.add(table_at, builder.zext(value, I64))]))
        undefined = ir.Constant(vector, ir.Undefined)
        single = builder.insert_element(undefined, value, ir.Constant(I32, 0))
        return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(I32, width), [0] * width))

    bytes_of_a = 1 if isinstance(element, ir.IntType) else size
    few = max(1, min(4, 64 // bytes_of_a // height))  # terms for which a line of one of the next rows is asked for
    tiles = [(r, v) for r in range(height) for v in range(vectors)]
    accumulators = {rv: cgutils.alloca_once(builder, vector) for rv in tiles}
    with builder.if_else(builder.icmp_signed("!=", more, whole(0))) as (goes_on, begins):
        with goes_on:
            for r, v in tiles:
                builder.store(load_vector(c, place_of(c_at, c_step, whole(r), v, c_panel)), accumulators[r, v])
        with begins:
            for rv in tiles:
                builder.store(ir.Constant(vector, [0.0] * width), accumulators[rv])
    base, from_first = builder.gep(a, [column]), builder.gep(rows, [first])

    def row_of_a(row: Any) -> Any:
        return builder.gep(base, [builder.load(builder.gep(from_first, [row]))])

    starts = [] if across else [row_of_a(whole(r)) for r in range(height)]

    def add_term(turn: Any, k_of: Callable[[Any], Any]) -> None:
        k = k_of(turn)
        row = [load_vector(b, place_of(b_at, b_step, k, v, b_panel)) for v in range(vectors)]
        if across:
            start = row_of_a(k)
            emit_prefetch(builder, row_of_a(k_of(builder.add(turn, whole(PREFETCH_DISTANCE)))), 3)
        for r in range(height):
            number_of_a = to_all_lanes(builder.gep(start, [whole(r)]) if across else builder.gep(starts[r], [k]))
            for v in range(vectors):
                total = builder.call(multiply_add, [number_of_a, row[v], builder.load(accumulators[r, v])])
                builder.store(total, accumulators[r, v])

    def counted() -> None:
        with cgutils.for_range(builder, count) as loop:
            add_term(loop.index, lambda turn: turn)

    def counted_and_fetched() -> None:
        # a line of one row at a time: asked for all at once, they would wait for each other
        whole_turns = builder.and_(count, whole(-few))
        with cgutils.for_range_slice(builder, whole(0), whole_turns, whole(few), inc=True) as (k, turn):
            row = builder.add(whole(height), builder.and_(turn, whole(height - 1)))
            emit_prefetch(builder, builder.gep(row_of_a(row), [builder.and_(k, whole(-few * height))]), 2)
            for after in range(few):
                add_term(builder.add(k, whole(after)), lambda turn: turn)
        with cgutils.for_range_slice(builder, whole_turns, count, whole(1), inc=True) as (k, _):
            add_term(k, lambda turn: turn)

    with builder.if_else(builder.icmp_signed(">=", listed, whole(0))) as (some, all_of_them):
        with some, cgutils.for_range(builder, count) as loop:
            add_term(
                loop.index,
                lambda turn: builder.sext(builder.load(builder.gep(terms, [builder.add(listed, turn)])), I64),
            )
        with all_of_them:
            if across:
                counted()
            else:
                fetches = builder.icmp_signed("==", listed, whole(ALL_TERMS_PREFETCH))
                with builder.if_else(fetches) as (and_fetch, alone):
                    with and_fetch:
                        counted_and_fetched()
                    with alone:
                        counted()
    for r, v in tiles:
        target = vector_pointer(builder, c, place_of(c_at, c_step, whole(r), v, c_panel), vector)
        builder.store(builder.load(accumulators[r, v]), target, align=size)
    builder.ret_void()
    return function


def _checked_tile(height: int, vectors: int, across: bool) -> Callable[..., None]:
    """Return the same tile as a plain loop whose bounds are checked."""
    panel_vectors, vector_bytes = PANEL_VECTORS, VECTOR_BYTES

    @njit(**INNER)
    def compute(
        a, table, table_at, rows, first, column, terms, listed, count,
        b, b_at, b_step, b_panel, c, c_at, c_step, c_panel, more,
    ):  # fmt: skip
        lanes = vector_bytes // b.itemsize
        assert b_at >= 0 and c_at >= 0 and count >= 0
        for r in range(height):
            for j in range(vectors * lanes):
                panel, inside = j // (panel_vectors * lanes), j % (panel_vectors * lanes)
                target = c_at + r * c_step + panel * c_panel + inside
                total = c[target] if more else b[0] * 0
                for turn in range(count):
                    k = turn if listed < 0 else np.int64(terms[listed + turn])
                    index = rows[first + k] + column + r if across else rows[first + r] + column + k
                    total += number(a, table, table_at, index) * b[b_at + k * b_step + panel * b_panel + inside]
                c[target] = total

    return compute


@intrinsic
def _transpose(context: Any, source: Any, s_at: Any, s_step: Any, target: Any, t_at: Any, t_step: Any) -> Any:
    """target[t_at + j t_step + i] = source[s_at + i s_step + j] for i, j below the lanes of a vector."""
    signature = types.void(source, s_at, s_step, target, t_at, t_step)

    def generate(codegen: Any, builder: Any, signature: Any, values: Any) -> Any:
        values = as_int64(codegen, builder, signature, values)
        source, target = (pointer(codegen, builder, signature.args[index], values[index]) for index in (0, 3))
        number = codegen.get_data_type(signature.args[0].dtype)
        size = signature.args[0].dtype.bitwidth // 8
        width = VECTOR_BYTES // size
        vector = ir.VectorType(number, width)

        def row(array: Any, at: Any, step: Any, index: int) -> Any:
            index = builder.add(at, builder.mul(step, ir.Constant(I64, index)))
            return vector_pointer(builder, array, index, vector)

        rows = [builder.load(row(source, values[1], values[2], index), align=size) for index in range(width)]
        half = width // 2
        low = ir.Constant(ir.VectorType(I32, width), [i // 2 + i % 2 * width for i in range(width)])
        high = ir.Constant(ir.VectorType(I32, width), [half + i // 2 + i % 2 * width for i in range(width)])
        # a perfect shuffle of rows and of their lanes, log2(width) times, is the transpose
        for _ in range(width.bit_length() - 1):
            rows = [builder.shuffle_vector(rows[i], rows[i + half], mask) for i in range(half) for mask in (low, high)]
        for index in range(width):
            builder.store(rows[index], row(target, values[4], values[5], index), align=size)
        return codegen.get_dummy_value()

    return signature, generate


@njit(**INNER)
def _checked_transpose(source, s_at, s_step, target, t_at, t_step):
    width = VECTOR_BYTES // source.itemsize
    for i in range(width):
        for j in range(width):
            target[t_at + j * t_step + i] = source[s_at + i * s_step + j]


transpose = _checked_transpose if CHECKED else _transpose


def _sums(power: int) -> Callable[..., Any]:
    """Return a compiled function that sums up v² (power 2) or |v| (1) over an array, a whole number of panel's rows.

    Each lane of two vectors has a sum of its own, and these are added up by halves: a fixed order, unlike a compiler's.
    """

    @intrinsic
    def emit(context, values):
        signature = values.dtype(values)

        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = target.make_array(signature.args[0])(target, builder, arguments[0])
            element = target.get_data_type(signature.args[0].dtype)
            size = signature.args[0].dtype.bitwidth // 8
            width = VECTOR_BYTES // size
            vector = ir.VectorType(element, width)
            name = f"v{width}f{8 * size}"
            multiply_add = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.{name}"
            )
            absolute = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector]), f"llvm.fabs.{name}"
            )
            zero = ir.Constant(vector, [0.0] * width)
            totals = [cgutils.alloca_once_value(builder, zero) for _ in range(PANEL_VECTORS)]
            step, count = ir.Constant(I64, width * PANEL_VECTORS), builder.extract_value(array.shape, 0)
            with cgutils.for_range_slice(builder, ir.Constant(I64, 0), count, step, inc=True) as (at, _):
                for v, total in enumerate(totals):
                    index = builder.add(at, ir.Constant(I64, v * width))
                    value = builder.load(vector_pointer(builder, array.data, index, vector), align=size)
                    if power == 2:
                        builder.store(builder.call(multiply_add, [value, value, builder.load(total)]), total)
                    else:
                        builder.store(builder.fadd(builder.load(total), builder.call(absolute, [value])), total)
            whole = builder.load(totals[0])
            for total in totals[1:]:
                whole = builder.fadd(whole, builder.load(total))
            while width > 1:
                width //= 2
                undefined = ir.Constant(whole.type, ir.Undefined)
                low, high = (
                    builder.shuffle_vector(
                        whole, undefined, ir.Constant(ir.VectorType(I32, width), list(range(first, first + width)))
                    )
                    for first in (0, width)
                )
                whole = builder.fadd(low, high)
            return builder.extract_element(whole, ir.Constant(I32, 0))

        return signature, generate

    return emit


@njit(**INNER)
def _checked_sum_of_squares(values):
    total = values.dtype.type(0)
    for c in range(values.size):
        total += values[c] * values[c]
    return total


@njit(**INNER)
def _checked_sum_of_magnitudes(values):
    total = values.dtype.type(0)
    for c in range(values.size):
        total += abs(values[c])
    return total


sum_of_squares = _checked_sum_of_squares if CHECKED else _sums(2)
sum_of_magnitudes = _checked_sum_of_magnitudes if CHECKED else _sums(1)
