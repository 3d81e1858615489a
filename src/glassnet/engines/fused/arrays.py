"""Flat arrays as compiled code sees them: pieces of them, single numbers, vectors.

No index is checked, except under GLASSNET_CHECKED: `workspace` validates the sizes once, before the loop starts.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from glassnet.engines.fused.processor import CHECKED

I64, I32, I8 = ir.IntType(64), ir.IntType(32), ir.IntType(8)


def pointer(target: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return the address of an array's first number, while code is emitted."""
    return target.make_array(kind)(target, builder, array).data


def vector_pointer(builder: Any, array: Any, at: Any, vector: Any) -> Any:
    """Return the address of the vector that begins at a place, while code is emitted."""
    return builder.bitcast(builder.gep(array, [at]), vector.as_pointer())


def as_int64(target: Any, builder: Any, signature: Any, values: Any) -> list[Any]:
    """Return the arguments of an intrinsic with every whole number as 64 bits, while code is emitted."""
    return [
        target.cast(builder, value, kind, types.int64) if isinstance(kind, types.Integer) else value
        for kind, value in zip(signature.args, values, strict=True)
    ]


def _check_piece(target: Any, builder: Any, kind: Any, array: Any, first: Any, size: Any) -> None:
    """Under GLASSNET_CHECKED, emit code that raises an IndexError unless a piece lies in its array."""
    if not CHECKED:
        return
    length = builder.extract_value(target.make_array(kind)(target, builder, array).shape, 0)
    begins = builder.icmp_unsigned("<=", first, length)
    ends = builder.icmp_unsigned("<=", size, builder.sub(length, first))
    with builder.if_then(builder.not_(builder.and_(begins, ends)), likely=False):
        target.call_conv.return_user_exc(builder, IndexError, ("a piece of an array lies beyond its end",))


@intrinsic
def view(context: Any, array: Any, first: Any, size: Any) -> Any:
    """See a piece of a flat array as an array: unlike a slice, without counting references."""
    signature = types.Array(array.dtype, 1, "C")(array, first, size)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.return_type
        array, first, size = as_int64(target, builder, signature, values)
        _check_piece(target, builder, signature.args[0], array, first, size)
        piece = target.make_array(kind)(target, builder)
        item = target.get_constant(types.intp, target.get_abi_sizeof(target.get_data_type(kind.dtype)))
        target.populate_array(
            piece,
            data=builder.gep(pointer(target, builder, signature.args[0], array), [first]),
            shape=cgutils.pack_array(builder, [size]),
            strides=cgutils.pack_array(builder, [item]),
            itemsize=item,
            meminfo=None,
        )
        return piece._getvalue()

    return signature, generate


@intrinsic
def number(context: Any, a: Any, table: Any, table_at: Any, index: Any) -> Any:
    """Return a[place], or table[table_at + a[place]] where ``a`` holds bytes."""
    signature = table.dtype(a, table, table_at, index)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, table, table_at, index = as_int64(target, builder, signature, values)
        _check_piece(target, builder, signature.args[0], a, index, ir.Constant(I64, 1))
        value = builder.load(builder.gep(pointer(target, builder, signature.args[0], a), [index]))
        if signature.args[0].dtype != signature.args[1].dtype:
            entry = builder.add(table_at, builder.zext(value, I64))
            _check_piece(target, builder, signature.args[1], table, entry, ir.Constant(I64, 1))
            value = builder.load(builder.gep(pointer(target, builder, signature.args[1], table), [entry]))
        return value

    return signature, generate


def emit_prefetch(builder: Any, address: Any, nearness: int) -> None:
    """Ask for the cache line at an address: into the nearest cache (3) or one further away (2, 1)."""
    kind = ir.FunctionType(ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    to_read, data = ir.Constant(I32, 0), ir.Constant(I32, 1)
    builder.call(prefetch, [builder.bitcast(address, I8.as_pointer()), to_read, ir.Constant(I32, nearness), data])


@intrinsic
def noinline(context: Any) -> Any:
    """Do not inline the function that calls this: one copy for all callers."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.function.attributes.add("noinline")
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def always_inline(context: Any) -> Any:
    """Inline the function that calls this into its callers: so records of many arrays cost nothing."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.function.attributes.add("alwaysinline")
        return target.get_dummy_value()

    return types.void(), generate
