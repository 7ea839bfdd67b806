"""Who is connected with whom: large sparse connections, made fast on the device that holds them.

    weights = lt.connectivity.bernoulli(10_000, 10_000, p=0.05, weight=0.1, seed=1)
    recurrent = lt.Sparse(weights=weights)

Each function gives a `CSR` by presynaptic neuron, which `Sparse` takes as weights; `to_scipy()`
makes a scipy matrix (post, pre) of it. The same seed gives the same synapses on every device:
Philox draws them, row by row. Give the connections of a network different seeds: one rule with one
seed and the same sizes connects the same neurons.

`weight` is a number for all synapses, or an array (pre,) with one for all synapses of a presynaptic
neuron. `dtype` is that of the values: a floating-point one, or int8 to int64, which take whole
weights only.
"""

from __future__ import annotations

import math
import operator
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lava_torch.kernels.connect import IN_DEGREE, OUT_DEGREE, gap_table
from lava_torch.kernels.random import key
from lava_torch.kernels.spike import CSR, index_dtype

__all__ = ["bernoulli", "fixed_in_degree", "fixed_out_degree", "from_scipy", "one_to_one"]

#: Bytes of the marks of drawn places that are held at once on a GPU.
_MARKS = 1 << 28
#: Synapses that are given their neurons' weights at once.
_SPREAD = 1 << 20
#: The most neurons. A draw of 32 bits among n of them favours some by a factor of 1 + n / 2^32.
_MOST = 1 << 30

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_DTYPES = (*_FLOATS, torch.int8, torch.int16, torch.int32, torch.int64)


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

    Raises ValueError for sizes below 0, a `p` outside [0, 1], a seed outside [0, 2^64), a `weight`
    that is neither a number nor (pre,), or one that `dtype` cannot hold.
    """
    pre, post = _sizes(pre=pre, post=post)
    given, p = _weight(weight, pre, dtype), float(p)
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
    return _with_weights(*places, (post, pre), given)


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
    given, device = _weight(weight, pre, dtype), torch.device(device)
    chosen = _sample(pre, post, k, self_connections, OUT_DEGREE, seed, device)
    indptr = torch.arange(0, pre * k + 1, k, device=device) if k else _no_synapses(pre, device)
    return _with_weights(indptr, chosen.reshape(-1), (post, pre), given)


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
    given, device = _weight(weight, pre, dtype), torch.device(device)
    columns = _sample(post, pre, k, self_connections, IN_DEGREE, seed, device)
    return _with_weights(*_transposed(columns, pre), (post, pre), given)


def one_to_one(
    n: int,
    *,
    weight: float | ArrayLike | Tensor = 1.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> CSR:
    """Neuron i connects to neuron i. Raises ValueError as `bernoulli`."""
    (n,) = _sizes(n=n)
    given = _weight(weight, n, dtype)
    indptr = torch.arange(n + 1, device=device)
    indices = torch.arange(n, dtype=torch.int32, device=device).to(index_dtype(n))
    return _with_weights(indptr, indices, (n, n), given)


def from_scipy(
    matrix: scipy.sparse.spmatrix | scipy.sparse.sparray,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> CSR:
    """The synapses and weights of a scipy matrix (post, pre); repeated entries are summed.

    Raises ValueError where `dtype` cannot hold the weights.
    """
    csr = CSR.from_scipy(matrix)
    return csr.with_values(_cast(csr.values, dtype)).to(device)


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
    rule: int,
    seed: int,
    device: torch.device,
) -> Tensor:
    """(rows, k): for each row `k` different numbers of range(population), ascending."""
    k0, k1 = key(seed)
    chosen = torch.empty((rows, k), dtype=index_dtype(population), device=device)
    if device.type == "cpu":
        from lava_torch.kernels.connect import cpu

        bits = np.zeros((population + 63) // 64, np.uint64)
        cpu.sample(chosen.numpy(), 0, population, loops, rule, k0, k1, bits)
        return chosen
    for first in range(0, rows, max(1, _MARKS // max(1, population))):
        part = chosen[first : first + max(1, _MARKS // max(1, population))]
        part.copy_(_marked(len(part), first, population, k, loops, rule, k0, k1, device))
    return chosen


def _marked(
    rows: int,
    first: int,
    population: int,
    k: int,
    loops: bool,
    rule: int,
    k0: int,
    k1: int,
    device: torch.device,
) -> Tensor:
    """`_sample` of a part of the rows on a GPU: drawn places are marked, then found in order."""
    from lava_torch.kernels.connect import gpu

    drawn = torch.zeros((rows, population), dtype=torch.uint8, device=device)
    gpu.draw(drawn, first, k, loops, rule, k0, k1)
    row = torch.arange(first, first + rows, device=device)
    excludes = (row < population) & (not loops)
    available = population - excludes.to(torch.int64)
    # What is beyond the numbers to choose from counts as not chosen, whichever was drawn.
    marked = (drawn != 0) == (k <= available - k)[:, None]
    marked &= torch.arange(population, device=device) < available[:, None]
    places = marked.nonzero()[:, 1].reshape(rows, k)
    return places + (excludes[:, None] & (places >= row[:, None]))


def _transposed(columns: Tensor, pre: int) -> tuple[Tensor, Tensor]:
    """`indptr` and `indices` by presynaptic neuron; row i of `columns` are those of neuron i."""
    post, k = columns.shape
    if columns.device.type == "cpu":
        from lava_torch.kernels.connect import cpu

        indptr = torch.zeros(pre + 1, dtype=torch.int64)
        cpu.count(columns.numpy(), indptr[1:].numpy())
        indptr = indptr.cumsum(0)
        indices = torch.empty(post * k, dtype=index_dtype(post))
        cpu.transpose(columns.numpy(), indptr.numpy(), indices.numpy())
        return indptr, indices
    neurons = columns.reshape(-1).to(torch.int64)
    counts = torch.bincount(neurons, minlength=pre)
    order = torch.sort(neurons, stable=True).indices
    indices = (order // k if k else order).to(index_dtype(post))
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)]), indices


def _weight(weight: float | ArrayLike | Tensor, pre: int, dtype: torch.dtype) -> Tensor:
    """The weight in `dtype`: of no axes, or (pre,)."""
    # By way of NumPy, for torch makes a Python number float32 and so rounds it.
    given = weight if isinstance(weight, Tensor) else torch.tensor(np.asarray(weight))
    if tuple(given.shape) not in ((), (pre,)):
        raise ValueError(
            f"weight must be a number, or an array ({pre},) with one for each presynaptic neuron; "
            f"got shape {tuple(given.shape)}. Other weights: csr.with_values(values)."
        )
    return _cast(given, dtype)


def _cast(weights: Tensor, dtype: torch.dtype) -> Tensor:
    """The weights in `dtype`, rounded to floats but never to whole numbers."""
    if dtype not in _DTYPES or weights.is_complex():
        names = ", ".join(str(d).removeprefix("torch.") for d in _DTYPES)
        found = weights.dtype if weights.is_complex() else dtype
        raise ValueError(f"weights are real, in one of {names}; got {found}.")
    cast = weights.to(dtype)
    if dtype in _FLOATS:
        wrong = cast.isinf() & ~weights.isinf()
    else:
        wrong = cast.to(weights.dtype) != weights
    if bool(wrong.any()):
        first = weights[wrong][0].item() if weights.ndim else weights.item()
        raise ValueError(
            f"weight {first} is not one that {dtype} holds; round or scale the weights, or give "
            "another dtype."
        )
    return cast


def _with_weights(indptr: Tensor, indices: Tensor, shape: tuple[int, int], given: Tensor) -> CSR:
    given, count = given.to(indices.device), len(indices)
    if not given.ndim:
        return CSR(indptr, indices, given.repeat(count), shape)
    values = torch.empty(count, dtype=given.dtype, device=indices.device)
    steps = torch.tensor(range(_SPREAD, count, _SPREAD), dtype=torch.int64, device=indices.device)
    degrees = indptr.diff()
    # In parts: to repeat all at once takes an int64 a synapse.
    rows = [0, *torch.searchsorted(indptr, steps).tolist(), shape[1]]
    places = indptr[rows].tolist()
    for (first, last), (begin, end) in zip(pairwise(rows), pairwise(places), strict=True):
        part = given[first:last].repeat_interleave(degrees[first:last], output_size=end - begin)
        values[begin:end] = part
    return CSR(indptr, indices, values, shape)
