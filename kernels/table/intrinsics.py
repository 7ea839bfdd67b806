"""What numba lacks: atomics, calls by address, pointers from addresses, prefetch, bits."""

from __future__ import annotations

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_INT64 = ir.IntType(64)
_X86 = platform.machine().lower() in ("x86_64", "amd64")


@intrinsic
def atomic_load(typing, address):
    """The int64 at an address; nothing after it is read before it."""

    def emit(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], _INT64.as_pointer())
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(types.int64), emit


@intrinsic
def atomic_store(typing, address, value):
    """Write an int64; nothing before it is written after it."""

    def emit(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], _INT64.as_pointer())
        builder.store_atomic(args[1], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def atomic_add(typing, address, value):
    """Add to an int64; what was there before."""

    def emit(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], _INT64.as_pointer())
        return builder.atomic_rmw("add", pointer, args[1], "acq_rel")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def spin_pause(typing):
    """Tells an x86 processor that this thread spins; nothing elsewhere."""

    def emit(context, builder, signature, args):
        if _X86:  # an intrinsic, as numba's LLVM has no parser for inline assembly
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), kind), [])
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def call_adapter(typing, function, block, thread, threads):
    """Call the adapter at an address."""

    def emit(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [_INT64, _INT64, _INT64])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), emit


@intrinsic
def trailing_zeros(typing, value):
    """How many of the lowest bits of a uint64 are 0: 64 of 0."""

    def emit(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), emit


@intrinsic
def count_ones(typing, value):
    """How many bits of a uint64 are 1."""

    def emit(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), emit


@intrinsic
def nonzero_bits(typing, array, start):
    """A uint64 whose bit k says whether array[start + k] != 0: a few instructions for all 64, which
    must be there."""
    if not isinstance(array, types.Array):
        return None

    def emit(context, builder, signature, args):
        first = _element(context, builder, signature.args[0], args[0], args[1])
        number = first.type.pointee
        words = ir.VectorType(number, 64)
        zeros = ir.Constant(words, None)
        loaded = builder.load(builder.bitcast(first, words.as_pointer()), align=1)
        if isinstance(number, ir.IntType):
            there = builder.icmp_unsigned("!=", loaded, zeros)
        else:
            there = builder.fcmp_unordered("!=", loaded, zeros)
        return builder.bitcast(there, _INT64)

    return types.uint64(array, types.intp), emit


def _element(context, builder, kind, array, index):
    """The address of array[index]."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@intrinsic
def prefetch(typing, array, index):
    """Ask for the cache line of array[index], which need not exist."""
    if not isinstance(array, types.Array):
        return None

    def emit(context, builder, signature, args):
        element = _element(context, builder, signature.args[0], args[0], args[1])
        byte = ir.IntType(8).as_pointer()
        numbers = [ir.IntType(32)] * 3
        kind = ir.FunctionType(ir.VoidType(), [byte, *numbers])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        options = [ir.Constant(ir.IntType(32), value) for value in (0, 3, 1)]
        builder.call(function, [builder.bitcast(element, byte), *options])
        return context.get_dummy_value()

    return types.void(array, types.intp), emit


def _pointer_maker(kind: types.Type):
    @intrinsic
    def pointer(typing, address):
        def emit(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(types.CPointer(kind)))

        return types.CPointer(kind)(types.int64), emit

    return pointer


float32 = _pointer_maker(types.float32)
float64 = _pointer_maker(types.float64)
int8 = _pointer_maker(types.int8)
int16 = _pointer_maker(types.int16)
int32 = _pointer_maker(types.int32)
int64 = _pointer_maker(types.int64)
uint8 = _pointer_maker(types.uint8)
uint16 = _pointer_maker(types.uint16)
