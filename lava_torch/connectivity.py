"""Who is connected with whom: large sparse connections, made fast on the device that holds them.

    weights = lt.connectivity.bernoulli(10_000, 10_000, p=0.05, weight=0.1, seed=1)
    recurrent = lt.Sparse(weights=weights)

Each function gives a `CSR` by presynaptic neuron, which `Sparse` takes as weights; `to_scipy()`
makes a scipy matrix (post, pre) of it. The same seed gives the same synapses on every device:
Philox draws them, row by row. `weight` is a number for all synapses, or an array (pre,) with one
for all synapses of a presynaptic neuron. `dtype` is that of the values.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lava_torch.kernels.connect import gap_table
from lava_torch.kernels.random import key
from lava_torch.kernels.spike import CSR, index_dtype

__all__ = ["bernoulli", "fixed_in_degree", "fixed_out_degree", "from_scipy", "one_to_one"]

#: Bytes of the marks of drawn places that are held at once on a GPU.
_MARKS = 1 << 28
#: The most neurons that a draw of 32 bits tells apart without noticeable bias.
_MOST = 1 << 30


def bernoulli(
    pre: int,
    post: int,
    p: float,
    *,
    weight: float | ArrayLike | Tensor = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    self_connections: bool = True,
) -> CSR:
    """Each pair of neurons is connected with probability `p`, to within 2^-32.

    Without `self_connections` no neuron connects to the one of its own number.

    Raises ValueError for sizes below 0, a `p` outside [0, 1], or a `weight` that fits neither way.
    """
    pre, post = _sizes(pre=pre, post=post)
    if not 0 <= p <= 1:
        raise ValueError(f"bernoulli: p is a probability and must be in [0, 1]; got {p}.")
    device, table = torch.device(device), gap_table(p)
    loops, (k0, k1) = bool(self_connections), key(seed)
    if device.type == "cpu":
        from lava_torch.kernels.connect import cpu

        indptr = np.empty(pre + 1, np.int64)
        expected = pre * post * p
        room = int(expected + 8 * math.sqrt(expected * (1 - p)) + 64) if p < 1 else pre * post
        indices = np.empty(min(room, pre * post), _numpy_index(post))
        found = cpu.bernoulli(table.limits, table.guide, post, loops, k0, k1, indptr, indices)
        if found < 0:
            raise RuntimeError("bernoulli drew more synapses than 8 standard deviations allow.")
        places = torch.from_numpy(indptr), torch.from_numpy(indices[:found])
    else:
        places = _bernoulli_on_gpu(pre, post, loops, k0, k1, table, device)
    return _with_weights(*places, (post, pre), weight, dtype)


def fixed_out_degree(
    pre: int,
    post: int,
    k: int,
    *,
    weight: float | ArrayLike | Tensor = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    self_connections: bool = True,
) -> CSR:
    """Each presynaptic neuron connects to `k` different postsynaptic neurons.

    Raises ValueError as `bernoulli`, and for a `k` larger than what there is to choose from.
    """
    pre, post = _sizes(pre=pre, post=post)
    k = _degree("fixed_out_degree", k, pre, post, self_connections)
    device = torch.device(device)
    chosen = _sample(pre, post, k, self_connections, seed, device, index_dtype(post))
    indptr = torch.arange(0, pre * k + 1, k, device=device) if k else _no_synapses(pre, device)
    return _with_weights(indptr, chosen.reshape(-1), (post, pre), weight, dtype)


def fixed_in_degree(
    pre: int,
    post: int,
    k: int,
    *,
    weight: float | ArrayLike | Tensor = 1.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    self_connections: bool = True,
) -> CSR:
    """Each postsynaptic neuron receives from `k` different presynaptic neurons.

    Raises ValueError as `fixed_out_degree`.
    """
    pre, post = _sizes(pre=pre, post=post)
    k = _degree("fixed_in_degree", k, post, pre, self_connections)
    device = torch.device(device)
    columns = _sample(post, pre, k, self_connections, seed, device, index_dtype(pre))
    counts = torch.bincount(columns.reshape(-1).to(torch.int64), minlength=pre)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    indices = torch.empty(post * k, dtype=index_dtype(post), device=device)
    if device.type == "cpu":
        from lava_torch.kernels.connect import cpu

        cpu.transpose(columns.numpy(), indptr.numpy(), indices.numpy())
    else:
        order = torch.sort(columns.reshape(-1).to(torch.int64), stable=True).indices
        indices.copy_(order // k if k else order)
    return _with_weights(indptr, indices, (post, pre), weight, dtype)


def one_to_one(
    n: int,
    *,
    weight: float | ArrayLike | Tensor = 1.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> CSR:
    """Neuron i connects to neuron i. Raises ValueError as `bernoulli`."""
    (n,) = _sizes(n=n)
    indptr = torch.arange(n + 1, device=device)
    indices = torch.arange(n, dtype=torch.int32, device=device).to(index_dtype(n))
    return _with_weights(indptr, indices, (n, n), weight, dtype)


def from_scipy(
    matrix: scipy.sparse.spmatrix | scipy.sparse.sparray,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> CSR:
    """The synapses and weights of a scipy matrix (post, pre); repeated entries are summed."""
    csr = CSR.from_scipy(matrix)
    return csr.with_values(csr.values.to(dtype)).to(device)


# -- inner ----------------------------------------------------------------------------------------


def _sizes(**sizes: int) -> tuple[int, ...]:
    for name, size in sizes.items():
        if not 0 <= operator.index(size) <= _MOST:
            raise ValueError(f"{name} is a number of neurons, in [0, 2**30]; got {size}.")
    return tuple(operator.index(size) for size in sizes.values())


def _degree(name: str, k: int, rows: int, population: int, self_connections: bool) -> int:
    k = operator.index(k)
    available = population - int(not self_connections and rows > 0 and population > 0)
    if not 0 <= k <= available:
        raise ValueError(
            f"{name}: k must be in [0, {available}], the number of different neurons to choose "
            f"from; got {k}."
        )
    return k


def _numpy_index(post: int) -> type[np.integer]:
    return np.uint16 if index_dtype(post) == torch.uint16 else np.int32


def _no_synapses(pre: int, device: torch.device) -> Tensor:
    return torch.zeros(pre + 1, dtype=torch.int64, device=device)


def _bernoulli_on_gpu(
    pre: int, post: int, loops: bool, k0: int, k1: int, table: Any, device: torch.device
) -> tuple[Tensor, Tensor]:
    from lava_torch.kernels.connect import gpu

    limits = torch.from_numpy(table.limits.astype(np.int64)).to(device)
    guide = torch.from_numpy(table.guide).to(device)
    counts = torch.zeros(pre, dtype=torch.int64, device=device)
    gpu.count(limits, guide, post, loops, k0, k1, counts)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    indices = torch.empty(int(indptr[-1]), dtype=index_dtype(post), device=device)
    gpu.fill(limits, guide, post, loops, k0, k1, indptr, indices)
    return indptr, indices


def _sample(
    rows: int,
    population: int,
    k: int,
    loops: bool,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """(rows, k): for each row `k` different numbers of range(population), ascending."""
    k0, k1 = key(seed)
    chosen = torch.empty((rows, k), dtype=dtype, device=device)
    if device.type == "cpu":
        from lava_torch.kernels.connect import cpu

        bits = np.zeros((population + 63) // 64, np.uint64)
        cpu.sample(chosen.numpy(), 0, population, k, loops, k0, k1, bits)
        return chosen
    for first in range(0, rows, max(1, _MARKS // max(1, population))):
        part = chosen[first : first + max(1, _MARKS // max(1, population))]
        part.copy_(_marked(len(part), first, population, k, loops, k0, k1, device))
    return chosen


def _marked(
    rows: int,
    first: int,
    population: int,
    k: int,
    loops: bool,
    k0: int,
    k1: int,
    device: torch.device,
) -> Tensor:
    """`_sample` of a part of the rows on a GPU: drawn places are marked, then found in order."""
    from lava_torch.kernels.connect import gpu

    drawn = torch.zeros((rows, population), dtype=torch.uint8, device=device)
    gpu.draw(drawn, first, k, loops, k0, k1)
    row = torch.arange(first, first + rows, device=device)
    excludes = (row < population) & (not loops)
    available = population - excludes.to(torch.int64)
    # What is beyond the numbers to choose from counts as not chosen, whichever was drawn.
    marked = (drawn != 0) == (k <= available - k)[:, None]
    marked &= torch.arange(population, device=device) < available[:, None]
    places = marked.nonzero()[:, 1].reshape(rows, k)
    return places + (excludes[:, None] & (places >= row[:, None]))


def _with_weights(
    indptr: Tensor,
    indices: Tensor,
    shape: tuple[int, int],
    weight: float | ArrayLike | Tensor,
    dtype: torch.dtype,
) -> CSR:
    given = torch.as_tensor(weight)
    pre, count = shape[1], len(indices)
    if given.ndim == 0:
        values = torch.full((count,), given.item(), dtype=dtype, device=indices.device)
    elif tuple(given.shape) == (pre,):
        each = given.to(indices.device, dtype)
        values = each.repeat_interleave(indptr.diff(), output_size=count)
    else:
        raise ValueError(
            f"weight must be a number, or an array ({pre},) with one for each presynaptic neuron; "
            f"got shape {tuple(given.shape)}. Other weights: csr.with_values(values)."
        )
    return CSR(indptr, indices, values, shape)
