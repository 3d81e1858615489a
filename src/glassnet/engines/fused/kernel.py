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
A term whose A is 0 adds nothing to it, which is why zeros may be skipped without changing a bit (`Terms`).

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
from glassnet.engines.fused.layout import PREFETCH_DISTANCE
from glassnet.engines.fused.processor import CHECKED, INNER, PANEL_VECTORS, VECTOR_BYTES

#: Values of `Terms.at`: take all terms; and also prefetch the rows of A that the next tile reads.
ALL_TERMS, ALL_TERMS_PREFETCH = -1, -2


def tile(height: int, vectors: int, across: bool = False) -> Callable[..., None]:
    """Return a compiled function that computes one tile, C = Σ_k A(·, k) B[k, ·], and stores it.

    Its arguments are ``tile(A: LeftOperand, terms: Terms, B: Panels, C: Panels, more)``:

    - A(r, k) is ``numbers[rows[first + r] + column + k]`` or, with `across`, ``numbers[rows[first + k] + column + r]``.
      Where ``numbers`` holds bytes, each is an index: ``table[table_at + byte]``.
    - k runs over the terms, or over 0 … size-1 if ``terms.at`` is `ALL_TERMS` or `ALL_TERMS_PREFETCH` (for
      ``across=False``).
    - a row of B or C has `vectors` vectors, two of each panel.
    - where ``more`` is 1 the sum starts from C, where it is 0 from zero.
    """
    if CHECKED:
        return _checked_tile(height, vectors, across)

    @intrinsic
    def emit(context, left, terms, right, result, more):
        signature = types.void(left, terms, right, result, more)

        def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
            members = [
                member
                for kind, value in zip(signature.args, values, strict=True)
                for member in _members(target, builder, kind, value)
            ]
            element, number = (target.get_data_type(signature.args[index][0].dtype) for index in (0, 2))
            shapes = [member.type for member in members]
            function = _tile_function(builder.module, element, number, shapes, height, vectors, across)
            builder.call(function, members)
            return target.get_dummy_value()

        return signature, generate

    return emit


def _members(target: Any, builder: Any, kind: Any, value: Any) -> list[Any]:
    """Return the members of a record, or a number, with arrays as pointers and whole numbers as 64 bits."""
    if isinstance(kind, types.BaseTuple):
        kinds: Any = kind
        return [
            member
            for index, kind_of in enumerate(kinds)
            for member in _members(target, builder, kind_of, builder.extract_value(value, index))
        ]
    if isinstance(kind, types.Array):
        return [pointer(target, builder, kind, value)]
    return [target.cast(builder, value, kind, types.int64)]


def _tile_function(module: Any, element: Any, number: Any, shapes: Any, height: int, vectors: int, across: bool) -> Any:
    """Return the tile's function in a module, made at its first use: one copy for all callers."""
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
    _TileEmitter(function, element, number, height, vectors, across).emit()
    return function


class _TileEmitter:
    """Emits the body of a tile's function."""

    def __init__(self, function: Any, element: Any, number: Any, height: int, vectors: int, across: bool) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.element, self.number = element, number
        self.height, self.vectors, self.across = height, vectors, across
        (
            self.a, self.table, self.table_at, self.rows, self.first, self.column, self.terms, self.listed, self.count,
            *rest,
        ) = function.args  # fmt: skip
        self.right, self.result, self.more = rest[:4], rest[4:8], rest[8]
        self.size = 8 if isinstance(number, ir.DoubleType) else 4
        self.width = VECTOR_BYTES // self.size
        self.vector = ir.VectorType(number, self.width)
        # one instruction where the processor has it, a product and a sum where it has not
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.width}f{8 * self.size}"
        self.multiply_add = cgutils.get_or_insert_function(function.module, kind, name)
        self.tiles = [(r, v) for r in range(height) for v in range(vectors)]
        self.accumulators = {rv: cgutils.alloca_once(self.builder, self.vector) for rv in self.tiles}

    def emit(self) -> None:
        """Emit the whole function: load or clear the accumulators, add the terms, store."""
        builder = self.builder
        with builder.if_else(builder.icmp_signed("!=", self.more, _whole(0))) as (goes_on, begins):
            with goes_on:
                for r, v in self.tiles:
                    builder.store(self._load_vector(self.result, _whole(r), v), self.accumulators[r, v])
            with begins:
                for rv in self.tiles:
                    builder.store(ir.Constant(self.vector, [0.0] * self.width), self.accumulators[rv])
        self.base = builder.gep(self.a, [self.column])
        self.from_first = builder.gep(self.rows, [self.first])
        self.starts = [] if self.across else [self._row_of_a(_whole(r)) for r in range(self.height)]
        self._add_terms()
        for r, v in self.tiles:
            target = self._vector_pointer(self.result, _whole(r), v)
            builder.store(builder.load(self.accumulators[r, v]), target, align=self.size)
        builder.ret_void()

    def _add_terms(self) -> None:
        builder = self.builder
        with builder.if_else(builder.icmp_signed(">=", self.listed, _whole(0))) as (some, all_of_them):
            with some, cgutils.for_range(builder, self.count) as loop:
                self._add_term(loop.index, self._listed_term)
            with all_of_them:
                if self.across:
                    self._add_all()
                    return
                fetches = builder.icmp_signed("==", self.listed, _whole(ALL_TERMS_PREFETCH))
                with builder.if_else(fetches) as (and_fetch, alone):
                    with and_fetch:
                        self._add_all_and_prefetch()
                    with alone:
                        self._add_all()

    def _add_all(self) -> None:
        with cgutils.for_range(self.builder, self.count) as loop:
            self._add_term(loop.index, lambda turn: turn)

    def _add_all_and_prefetch(self) -> None:
        # a line of one row at a time: asked for all at once, they would wait for each other
        builder, height = self.builder, self.height
        bytes_of_a = 1 if isinstance(self.element, ir.IntType) else self.size
        few = max(1, min(4, 64 // bytes_of_a // height))  # terms for which a line of one of the next rows is fetched
        whole_turns = builder.and_(self.count, _whole(-few))
        with cgutils.for_range_slice(builder, _whole(0), whole_turns, _whole(few), inc=True) as (k, turn):
            row = builder.add(_whole(height), builder.and_(turn, _whole(height - 1)))
            line = builder.gep(self._row_of_a(row), [builder.and_(k, _whole(-few * height))])
            emit_prefetch(builder, line, 2)
            for after in range(few):
                self._add_term(builder.add(k, _whole(after)), lambda turn: turn)
        with cgutils.for_range_slice(builder, whole_turns, self.count, _whole(1), inc=True) as (k, _):
            self._add_term(k, lambda turn: turn)

    def _listed_term(self, turn: Any) -> Any:
        builder = self.builder
        return builder.sext(builder.load(builder.gep(self.terms, [builder.add(self.listed, turn)])), I64)

    def _add_term(self, turn: Any, k_of: Callable[[Any], Any]) -> None:
        builder = self.builder
        k = k_of(turn)
        row = [self._load_vector(self.right, k, v) for v in range(self.vectors)]
        if self.across:
            start = self._row_of_a(k)
            emit_prefetch(builder, self._row_of_a(k_of(builder.add(turn, _whole(PREFETCH_DISTANCE)))), 3)
        for r in range(self.height):
            at = builder.gep(start, [_whole(r)]) if self.across else builder.gep(self.starts[r], [k])
            number_of_a = self._to_all_lanes(at)
            for v in range(self.vectors):
                terms = [number_of_a, row[v], builder.load(self.accumulators[r, v])]
                builder.store(builder.call(self.multiply_add, terms), self.accumulators[r, v])

    def _row_of_a(self, row: Any) -> Any:
        builder = self.builder
        return builder.gep(self.base, [builder.load(builder.gep(self.from_first, [row]))])

    def _vector_pointer(self, panels: Any, row: Any, v: int) -> Any:
        builder = self.builder
        numbers, start, step, panel_step = panels
        at = builder.add(start, builder.mul(step, row))
        at = builder.add(at, builder.mul(panel_step, _whole(v // PANEL_VECTORS)))
        at = builder.add(at, _whole(v % PANEL_VECTORS * self.width))
        return vector_pointer(builder, numbers, at, self.vector)

    def _load_vector(self, panels: Any, row: Any, v: int) -> Any:
        return self.builder.load(self._vector_pointer(panels, row, v), align=self.size)

    def _to_all_lanes(self, index: Any) -> Any:
        builder = self.builder
        value = builder.load(index)
        if self.element != self.number:
            entry = builder.add(self.table_at, builder.zext(value, I64))
            value = builder.load(builder.gep(self.table, [entry]))
        undefined = ir.Constant(self.vector, ir.Undefined)
        single = builder.insert_element(undefined, value, ir.Constant(I32, 0))
        return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(I32, self.width), [0] * self.width))


def _whole(value: int) -> Any:
    return ir.Constant(I64, value)


def _checked_tile(height: int, vectors: int, across: bool) -> Callable[..., None]:
    """Return the same tile as a plain loop whose bounds are checked."""
    panel_vectors = PANEL_VECTORS
    vector_bytes = VECTOR_BYTES

    @njit(**INNER)
    def compute(left, terms, right, result, more):
        lanes = vector_bytes // right.numbers.itemsize
        assert right.at >= 0 and result.at >= 0 and terms.size >= 0
        for r in range(height):
            for j in range(vectors * lanes):
                panel = j // (panel_vectors * lanes)
                inside = j % (panel_vectors * lanes)
                target = result.at + r * result.step + panel * result.panel_step + inside
                total = result.numbers[target] if more else right.numbers[0] * 0
                for turn in range(terms.size):
                    k = turn if terms.at < 0 else np.int64(terms.numbers[terms.at + turn])
                    if across:
                        index = left.rows[left.first + k] + left.column + r
                    else:
                        index = left.rows[left.first + r] + left.column + k
                    value = number(left.numbers, left.table, left.table_at, index)
                    total += value * right.numbers[right.at + k * right.step + panel * right.panel_step + inside]
                result.numbers[target] = total

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

    Each lane of two vectors has a separate sum; these are added by halves: a fixed order, unlike a compiler's.
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
            step = ir.Constant(I64, width * PANEL_VECTORS)
            count = builder.extract_value(array.shape, 0)
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
