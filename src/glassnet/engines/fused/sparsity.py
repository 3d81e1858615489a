"""Skipping zeros of the input: the lists of terms for the tiles.

A term whose x is 0 adds nothing to a sum, so a tile may skip it without changing a bit. A tile shares its terms
among its rows: forward, 4 rows of the batch need the features that are not zero in all four of them; backward, 4
features need the rows in which not all four are zero::

    row 0   0 1 1 0 0 0 1 0 …          features of rows 0–3: 1 2 4 6 …
    row 1   0 0 1 0 1 0 1 0 …    ──►
    row 2   0 0 1 0 1 0 0 0 …          rows of features 0–3: 0 1 2 3;  of features 4–7: 0 1 2 …
    row 3   0 1 1 0 0 0 0 0 …

Both come from the batch's rows themselves: 64 numbers are compared with 0 at once, and the answer is a word of 64 bits.
Reading the rows for that brings them nearer, too, just before they are needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.fused.arrays import I32, I64, as_int64, emit_prefetch, noinline, pointer, vector_pointer, view
from glassnet.engines.fused.processor import CHECKED, INNER, LEVEL, SPARSE_ROWS, VECTOR_BYTES

#: For each byte, where its ones are, and how many.
_BIT_POSITIONS = np.array(
    [[b for b in range(8) if byte >> b & 1] + [0] * (8 - byte.bit_count()) for byte in range(256)], np.int32
)
_FLAT_POSITIONS = _BIT_POSITIONS.ravel()
_COUNTS = np.array([byte.bit_count() for byte in range(256)], np.int64)


@intrinsic
def _not_zero_64(context: Any, array: Any, at: Any) -> Any:
    """Return a word whose bit i tells whether array[at + i] is not 0."""
    signature = types.uint64(array, at)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = target.get_data_type(signature.args[0].dtype)
        vector = ir.VectorType(kind, 64)
        array, at = as_int64(target, builder, signature, values)
        address = vector_pointer(builder, pointer(target, builder, signature.args[0], array), at, vector)
        numbers = builder.load(address, align=signature.args[0].dtype.bitwidth // 8)
        zero = ir.Constant(vector, [0] * 64 if isinstance(kind, ir.IntType) else [0.0] * 64)
        compare = builder.icmp_unsigned if isinstance(kind, ir.IntType) else builder.fcmp_unordered
        return builder.bitcast(compare("!=", numbers, zero), I64)

    return signature, generate


@njit(**INNER)
def _not_zero(x, begin, end, count):
    """Return a word whose bit i tells whether x[end - count + i] is not 0, for i below count, at most 64.

    The row begins at x[begin]: where it is long enough, 64 numbers are read at once, and unneeded bits dropped.
    """
    if end - begin >= 64:
        return _not_zero_64(x, end - 64) >> np.uint64(64 - count)
    return _not_zero_few(x, end, count)


@njit(**INNER)
def _not_zero_few(x, end, count):
    noinline()
    word = np.uint64(0)
    for i in range(count):
        word |= np.uint64(x[end - count + i] != 0) << np.uint64(i)
    return word


@njit(**INNER)
def _of_blocks(word):
    """Return 16 bits, one for each four bits of a word: whether any of them is 1."""
    word |= word >> np.uint64(2)
    word |= word >> np.uint64(1)
    word &= np.uint64(0x1111111111111111)
    word = (word | word >> np.uint64(3)) & np.uint64(0x0303030303030303)
    word = (word | word >> np.uint64(6)) & np.uint64(0x000F000F000F000F)
    word = (word | word >> np.uint64(12)) & np.uint64(0x000000FF000000FF)
    return (word | word >> np.uint64(24)) & np.uint64(0xFFFF)


@njit(**INNER)
def _write_ones_by_table(word, base, terms, at):
    """Write base + i for every bit i of a word that is 1 to terms[at …]; return where the list ends now.

    Eight entries are written for each byte, so there must be space for eight beyond the end. These are valid indices
    too: a tile reads a few entries ahead of its term, to prefetch rows.
    """
    byte = 0
    while word != np.uint64(0):
        ones = np.int64(word & np.uint64(255))
        first = np.int32(base + byte)
        places = view(_FLAT_POSITIONS, 8 * ones, 8)
        target = view(terms, at, 8)
        for i in range(8):
            target[i] = places[i] + first
        at += _COUNTS[ones]
        word >>= np.uint64(8)
        byte += 8
    return at


@intrinsic
def _write_ones_at_once(context: Any, word: Any, base: Any, terms: Any, at: Any) -> Any:
    """Do the same with AVX-512's compress instruction, for 16 bits at a time."""
    signature = types.int64(word, base, terms, at)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        word, base, terms, at = as_int64(target, builder, signature, values)
        terms = pointer(target, builder, signature.args[2], terms)
        numbers = ir.VectorType(I32, 16)
        chosen = ir.VectorType(ir.IntType(1), 16)
        short = ir.IntType(16)
        compress = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(numbers, [numbers, chosen, numbers]),
            "llvm.experimental.vector.compress.v16i32",
        )  # fmt: skip
        count_ones = cgutils.get_or_insert_function(builder.module, ir.FunctionType(I64, [I64]), "llvm.ctpop.i64")
        undefined = ir.Constant(numbers, ir.Undefined)
        first = builder.insert_element(undefined, builder.trunc(base, I32), ir.Constant(I32, 0))
        zeros = ir.Constant(numbers, [0] * 16)  # beyond the end of the list too, entries are valid: they are read ahead
        first = builder.shuffle_vector(first, undefined, zeros)
        for begin in range(0, 64, 16):
            bits = builder.trunc(builder.lshr(word, ir.Constant(I64, begin)), short)
            places = builder.add(first, ir.Constant(numbers, list(range(begin, begin + 16))))
            places = builder.call(compress, [places, builder.bitcast(bits, chosen), zeros])
            builder.store(places, vector_pointer(builder, terms, at, numbers), align=4)
            at = builder.add(at, builder.call(count_ones, [builder.zext(bits, I64)]))
        return at

    return signature, generate


#: Without AVX-512, LLVM would move each number by itself.
_COMPRESSES = LEVEL.vector_bytes == VECTOR_BYTES == 64 and not CHECKED
_write_ones = _write_ones_at_once if _COMPRESSES else _write_ones_by_table


@intrinsic
def _prefetch_64(context: Any, array: Any, at: Any) -> Any:
    """Ask for the cache lines of array[at] … array[at + 63]."""
    signature = types.void(array, at)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        array, at = as_int64(target, builder, signature, values)
        array, of_a_line = pointer(target, builder, signature.args[0], array), 512 // signature.args[0].dtype.bitwidth
        for index in range(0, 64, of_a_line):
            emit_prefetch(builder, builder.gep(array, [builder.add(at, ir.Constant(I64, index))]), 3)
        return target.get_dummy_value()

    return signature, generate


@njit(**INNER)
def list_features(x, rows, first, last, column, features, terms, at, bits, bits_at, block_words):
    """List the features that are not zero in all of some rows; note for each row the blocks that are not zero.

    Row r begins at ``x[rows[r] + column]``, for r = first … last - 1. The list goes to ``terms[at …]``, the bits of row
    r to ``bits[bits_at + (r - first) · block_words …]``. Returns the length of the list. The rows after these, whose
    beginnings must be there too, are asked for meanwhile: they are most often the next ones.
    """
    noinline()
    end = at
    last_block = np.int64((features - 1) // SPARSE_ROWS)
    for i in range((last - first) * block_words):
        bits[bits_at + i] = np.uint64(0)
    for w in range((features + 63) // 64):
        count = min(64, features - 64 * w)
        together = np.uint64(0)
        for r in range(first, last):
            begin = rows[r] + column
            word = _not_zero(x, begin, begin + 64 * w + count, count)
            bits[bits_at + (r - first) * block_words + w // 4] |= _of_blocks(word) << np.uint64(16 * (w % 4))
            together |= word
            _prefetch_64(x, rows[r + SPARSE_ROWS] + column + 64 * w)
        end = _write_ones(together, np.int64(64 * w), terms, end)
    if features % SPARSE_ROWS:  # the tile of the last block reaches back to be whole
        for r in range(first, last):
            begin = rows[r] + column
            if _not_zero(x, begin, begin + features, np.int64(SPARSE_ROWS)) != 0:
                index = bits_at + (r - first) * block_words + last_block // 64
                bits[index] |= np.uint64(1) << np.uint64(last_block % 64)
    return end - at


@njit(**INNER)
def list_rows(bits, bits_at, block_words, w, rows, terms, at, step, counts_at, square):
    """For each of the 64 blocks of word w, list the rows below `rows` in which it is not zero.

    The bits are those that `list_features` noted; the lists go to ``terms[at + block · step …]``, their lengths to
    ``terms[counts_at + block]``. ``square`` has room for 64 words.
    """
    noinline()
    for block in range(64):
        terms[counts_at + 64 * w + block] = 0
    for first in range(0, rows, 64):
        for i in range(64):
            square[i] = bits[bits_at + (first + i) * block_words + w] if first + i < rows else np.uint64(0)
        _transpose_bits(square)
        for block in range(64):
            begin = at + (64 * w + block) * step
            end = begin + np.int64(terms[counts_at + 64 * w + block])
            terms[counts_at + 64 * w + block] = _write_ones(square[block], np.int64(first), terms, end) - begin


@njit(**INNER)
def _transpose_bits(square):
    """Transpose 64 words of 64 bits, swapping ever smaller halves (Warren 2012, Hacker's Delight, 7-3)."""
    half = 32
    mask = np.uint64(0xFFFFFFFF)
    while half:
        for begin in range(0, 64, 2 * half):
            for i in range(begin, begin + half):
                swap = ((square[i] >> np.uint64(half)) ^ square[i + half]) & mask
                square[i] ^= swap << np.uint64(half)
                square[i + half] ^= swap
        half >>= 1
        mask ^= mask << np.uint64(half)
