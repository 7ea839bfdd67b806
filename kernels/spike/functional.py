"""Weighted sums over synapses as torch ops: differentiable, traceable, never densified.

A synapse k of presynaptic neuron j arrives at postsynaptic neuron i = `indices[k]` with delay
d = `delays[k]`. Three ops say all there is to know of y = W x, and each is the derivative of the
others, so that gradients of any order exist:

    synaptic_sum             y[b, d, i] = sum over k of values[k] x[b, j]
    synaptic_sum_transposed  x[b, j]    = sum over k of values[k] y[b, d, i]
    synaptic_products        values[k]  = sum over b of x[b, j] y[b, d, i]

On a CPU their bodies are numba. On CUDA the first is the row operation's Triton body where there is
one, the others plain torch: the `reference` functions, which run on every device.
"""

from __future__ import annotations

import functools
import importlib.util

import torch
from torch import Tensor
from torch.library import Library

from lava_torch.kernels.spike import COMPACT, DENSE_DELAY, SPARSE, SPARSE_DELAY

#: Elements that a reference function gathers at a time.
CHUNK = 1 << 26
#: What the kernels sum; other dtypes are summed in plain torch.
DTYPES = (torch.float32, torch.float64, torch.int32)

_library = Library("lava_torch", "FRAGMENT")


def sparse_linear(x: Tensor, indptr: Tensor, indices: Tensor, values: Tensor, post: int) -> Tensor:
    """`W x` of a sparse W by presynaptic neuron: x (..., m) gives (..., post).

    indptr int64 (m + 1,), indices uint16 or int32 (synapses,) and values (synapses,) are those of a
    `CSR`. Differentiable in x and values. Integers are summed exactly, modulo 2^32 in int32.

    Raises ValueError where shapes do not fit, TypeError where x and values differ in dtype.
    """
    return _linear(x, indptr, indices, values, None, 1, post).squeeze(-2)


def sparse_delay_linear(
    x: Tensor,
    indptr: Tensor,
    indices: Tensor,
    values: Tensor,
    delays: Tensor,
    slots: int,
    post: int,
) -> Tensor:
    """`sparse_linear` by delay: x (..., m) gives (..., slots, post), where slot d sums the synapses
    whose delay is d. delays whole numbers in [0, slots), (synapses,), of any integer dtype."""
    return _linear(x, indptr, indices, values, delays, slots, post)


def dense_delay_linear(x: Tensor, weights: Tensor, delays: Tensor, slots: int) -> Tensor:
    """The same for dense weights and delays (n, m), best if pre-major in memory: x (..., m) gives
    (..., slots, n)."""
    post, pre = weights.shape
    indptr = torch.arange(pre + 1, device=x.device) * post
    values, late = weights.t().reshape(-1), delays.t().reshape(-1)
    return _linear(x, indptr, None, values, late, slots, post)


def _linear(
    x: Tensor,
    indptr: Tensor,
    indices: Tensor | None,
    values: Tensor,
    delays: Tensor | None,
    slots: int,
    post: int,
) -> Tensor:
    pre, lead = indptr.shape[0] - 1, x.shape[:-1]
    if x.shape[-1] != pre:
        raise ValueError(f"x has shape {tuple(x.shape)}, but there are {pre} presynaptic neurons.")
    if x.dtype != values.dtype:
        raise TypeError(f"x and the weights must have one dtype; got {x.dtype}, {values.dtype}.")
    if any(t is not None and t.shape != values.shape for t in (indices, delays)):
        shapes = [None if t is None else tuple(t.shape) for t in (indices, values, delays)]
        raise ValueError(f"indices, weights and delays are one a synapse; got shapes {shapes}.")
    items = x.unsqueeze(0).flatten(0, -2)
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        # Tensors inside torch.func's transforms have no memory that a kernel could read.
        y = reference(items, indptr, indices, values, delays, slots, post)
    else:
        ops = torch.ops.lava_torch
        y = ops.synaptic_sum(items, indptr, indices, values, delays, slots, post)
    return y.reshape(*lead, slots, post)


# -- in plain torch -------------------------------------------------------------------------------


def reference(
    x: Tensor,
    indptr: Tensor,
    indices: Tensor | None,
    values: Tensor,
    delays: Tensor | None,
    slots: int,
    post: int,
) -> Tensor:
    """synaptic_sum: x (B, m) gives (B, slots, post)."""
    pre = _presynaptic(indptr, _synapses(indices, delays))
    place = _places(indices, delays, post)
    out = x.new_zeros((x.shape[0], slots * post))
    parts = zip(x.split(_items(place)), out.split(_items(place)), strict=True)
    sums = [o.index_add(1, place, s.index_select(1, pre) * values) for s, o in parts]
    return torch.cat(sums).reshape(x.shape[0], slots, post)


def reference_transposed(
    y: Tensor, indptr: Tensor, indices: Tensor | None, values: Tensor, delays: Tensor | None
) -> Tensor:
    """synaptic_sum_transposed: y (B, slots, post) gives (B, m)."""
    pre = _presynaptic(indptr, _synapses(indices, delays))
    place = _places(indices, delays, y.shape[2])
    out = y.new_zeros((y.shape[0], indptr.shape[0] - 1))
    parts = zip(y.flatten(1).split(_items(place)), out.split(_items(place)), strict=True)
    return torch.cat([o.index_add(1, pre, g.index_select(1, place) * values) for g, o in parts])


def reference_products(
    x: Tensor, y: Tensor, indptr: Tensor, indices: Tensor | None, delays: Tensor | None
) -> Tensor:
    """synaptic_products: x (B, m) and y (B, slots, post) give (synapses,)."""
    synapses = _synapses(indices, delays)
    pre, place = _presynaptic(indptr, synapses), _places(indices, delays, y.shape[2])
    total = x.new_zeros(synapses)
    chunk = _items(place)
    for s, g in zip(x.split(chunk), y.flatten(1).split(chunk), strict=True):
        total = total + (s.index_select(1, pre) * g.index_select(1, place)).sum(0)
    return total


def _synapses(indices: Tensor | None, delays: Tensor | None) -> int:
    return (delays if indices is None else indices).shape[0]


def _items(place: Tensor) -> int:
    """Items of a batch that are gathered at a time."""
    return max(CHUNK // max(place.shape[0], 1), 1)


def _presynaptic(indptr: Tensor, synapses: int) -> Tensor:
    neurons = torch.arange(indptr.shape[0] - 1, device=indptr.device)
    return neurons.repeat_interleave(indptr.diff(), output_size=synapses)


def _places(indices: Tensor | None, delays: Tensor | None, post: int) -> Tensor:
    """Where in (slots * post) each synapse arrives."""
    if indices is None:
        place = torch.arange(delays.shape[0], device=delays.device) % max(post, 1)
    else:
        place = indices.to(torch.int64)  # torch cannot index by uint16
    return place if delays is None else place + delays.to(torch.int64) * post


# -- by kernels -----------------------------------------------------------------------------------


def _sum_cpu(x, indptr, indices, values, delays, slots, post):
    if x.dtype not in DTYPES:
        return reference(x, indptr, indices, values, delays, slots, post)
    return _sum_by_rows("cpu", x, indptr, indices, values, delays, slots, post)


def _sum_cuda(x, indptr, indices, values, delays, slots, post):
    if x.dtype not in DTYPES or not _has_gpu_bodies():
        return reference(x, indptr, indices, values, delays, slots, post)
    return _sum_by_rows("gpu", x, indptr, indices, values, delays, slots, post)


@functools.cache
def _has_gpu_bodies() -> bool:
    """Triton, and so these bodies, are there on Linux only."""
    found = importlib.util.find_spec("lava_torch.kernels.spike.gpu")
    return found is not None and importlib.util.find_spec("triton") is not None


def _sum_by_rows(backend, x, indptr, indices, values, delays, slots, post):
    """The row operations of a step, on a ring that is empty."""
    out = x.new_zeros((x.shape[0], slots, post))
    x, values = x.contiguous().view(-1), values.contiguous()
    spikes = torch.zeros(x.shape, dtype=torch.int32, device=x.device)
    count = torch.zeros(1, dtype=torch.int32, device=x.device)
    _run(backend, COMPACT, x, spikes, count)
    if delays is None:
        _run(backend, SPARSE, spikes, count, x, indptr, indices, values, out[:, 0], True)
        return out
    # In step slots - 1 delay d goes to slot d.
    step = torch.full((1,), slots - 1, dtype=torch.int64, device=x.device)
    if indices is None:
        shape = indptr.shape[0] - 1, post
        rows = values.view(shape), delays.contiguous().view(shape)
        _run(backend, DENSE_DELAY, spikes, count, x, *rows, out, step, True)
    else:
        synapses = indptr, indices, values, delays.contiguous()
        _run(backend, SPARSE_DELAY, spikes, count, x, *synapses, out, step, True)
    return out


def _run(backend, op, *args):
    if backend == "cpu":
        arrays = [a.detach().numpy() if isinstance(a, Tensor) else a for a in args]
        op.body("cpu")(*arrays, 0, 1)
    else:
        op.body(backend)(*args)


def _transposed_cpu(y, indptr, indices, values, delays):
    if y.dtype not in DTYPES:
        return reference_transposed(y, indptr, indices, values, delays)
    from lava_torch.kernels.spike import functional_cpu

    out = y.new_empty((y.shape[0], indptr.shape[0] - 1))
    arrays = _arrays(y.flatten(1), indptr, indices, values, delays)
    functional_cpu.transposed(*arrays, y.shape[2], out.numpy())
    return out


def _products_cpu(x, y, indptr, indices, delays):
    if x.dtype not in DTYPES:
        return reference_products(x, y, indptr, indices, delays)
    from lava_torch.kernels.spike import functional_cpu

    out = x.new_empty(_synapses(indices, delays))
    arrays = _arrays(x, y.flatten(1), indptr, indices, delays)
    functional_cpu.products(*arrays, y.shape[2], out.numpy())
    return out


def _arrays(*tensors):
    return [None if t is None else t.detach().contiguous().numpy() for t in tensors]


# -- registered -----------------------------------------------------------------------------------


def _register(schema: str, cpu, cuda, fake, backward) -> None:
    """One op of five tensors: a body per device, its shape, its derivative."""
    name = schema.partition("(")[0]
    _library.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    _library.impl(name, cpu, "CPU")
    _library.impl(name, cuda, "CUDA")
    full = f"lava_torch::{name}"
    torch.library.register_fake(full, fake, lib=_library)

    def keep(ctx, inputs, output) -> None:
        ctx.save_for_backward(*inputs[:5])

    torch.library.register_autograd(full, backward, setup_context=keep, lib=_library)


def _sum_backward(ctx, grad):
    x, indptr, indices, values, delays = ctx.saved_tensors
    ops, needed = torch.ops.lava_torch, ctx.needs_input_grad
    to_x = ops.synaptic_sum_transposed(grad, indptr, indices, values, delays) if needed[0] else None
    to_values = ops.synaptic_products(x, grad, indptr, indices, delays) if needed[3] else None
    return to_x, None, None, to_values, None, None, None


def _transposed_backward(ctx, grad):
    y, indptr, indices, values, delays = ctx.saved_tensors
    ops, needed = torch.ops.lava_torch, ctx.needs_input_grad
    shape = y.shape[1:]
    to_y = ops.synaptic_sum(grad, indptr, indices, values, delays, *shape) if needed[0] else None
    to_values = ops.synaptic_products(grad, y, indptr, indices, delays) if needed[3] else None
    return to_y, None, None, to_values, None


def _products_backward(ctx, grad):
    x, y, indptr, indices, delays = ctx.saved_tensors
    ops, needed = torch.ops.lava_torch, ctx.needs_input_grad
    to_x = ops.synaptic_sum_transposed(y, indptr, indices, grad, delays) if needed[0] else None
    to_y = None
    if needed[1]:
        to_y = ops.synaptic_sum(x, indptr, indices, grad, delays, *y.shape[1:])
    return to_x, to_y, None, None, None


def _sum_fake(x, indptr, indices, values, delays, slots, post):
    return x.new_empty((x.shape[0], slots, post))


def _transposed_fake(y, indptr, indices, values, delays):
    return y.new_empty((y.shape[0], indptr.shape[0] - 1))


def _products_fake(x, y, indptr, indices, delays):
    return x.new_empty((_synapses(indices, delays),))


_register(
    "synaptic_sum(Tensor x, Tensor indptr, Tensor? indices, Tensor values, Tensor? delays, "
    "SymInt slots, SymInt post) -> Tensor",
    _sum_cpu,
    _sum_cuda,
    _sum_fake,
    _sum_backward,
)
_register(
    "synaptic_sum_transposed(Tensor y, Tensor indptr, Tensor? indices, Tensor values, "
    "Tensor? delays) -> Tensor",
    _transposed_cpu,
    reference_transposed,
    _transposed_fake,
    _transposed_backward,
)
_register(
    "synaptic_products(Tensor x, Tensor y, Tensor indptr, Tensor? indices, Tensor? delays) "
    "-> Tensor",
    _products_cpu,
    reference_products,
    _products_fake,
    _products_backward,
)
