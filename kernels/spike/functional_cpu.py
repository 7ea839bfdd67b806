"""The numba bodies of what differentiates a sum over synapses: see functional.py.

Synapse k of presynaptic neuron j, k in indptr[j]:indptr[j + 1], arrives at place
`delays[k] * post + indices[k]`. Without `indices` (None) each row has all postsynaptic neurons, in
order; without `delays` there are none.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lava_torch.kernels.table.share import OPTIONS


@njit(**OPTIONS)
def _place(k, first, indices, delays, post):
    if indices is None:
        neuron = k - first
    else:
        neuron = np.int64(indices[k])
    if delays is None:
        return neuron
    return np.int64(delays[k]) * post + neuron


@njit(**OPTIONS)
def transposed(g, indptr, indices, values, delays, post, out):
    """out[b, j] = sum over row j of values * g[b, place]. g (B, slots * post), out (B, m)."""
    for b in range(g.shape[0]):
        arrived = g[b]
        for j in range(out.shape[1]):
            total = 0.0
            for k in range(indptr[j], indptr[j + 1]):
                total += values[k] * arrived[_place(k, indptr[j], indices, delays, post)]
            out[b, j] = total


@njit(**OPTIONS)
def products(x, g, indptr, indices, delays, post, out):
    """out[k] = sum over b of x[b, j] * g[b, place]. x (B, m), g (B, slots * post)."""
    out[:] = 0
    for j in range(x.shape[1]):
        for b in range(x.shape[0]):
            size, arrived = x[b, j], g[b]
            if size != 0:
                for k in range(indptr[j], indptr[j + 1]):
                    out[k] += size * arrived[_place(k, indptr[j], indices, delays, post)]
