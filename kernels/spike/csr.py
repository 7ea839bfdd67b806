"""Synapses by presynaptic neuron: what a spike has to visit lies side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

#: Postsynaptic neurons that an index of 16 bits can tell apart.
SMALL = 1 << 16


def index_dtype(post: int) -> torch.dtype:
    """uint16 where it tells `post` neurons apart, else int32."""
    return torch.uint16 if post <= SMALL else torch.int32


@dataclass(frozen=True, eq=False)
class CSR:
    """A sparse connection in compressed rows, one row a *presynaptic* neuron.

    The synapses of neuron j are `indptr[j]:indptr[j + 1]`: `indices` names their postsynaptic
    neurons, ascending and without repeats within a row, `values` holds their weights.

    Attributes
    ----------
    indptr : int64 (pre + 1,).
    indices : uint16 or int32 (synapses,): `index_dtype(post)`.
    values : any real dtype (synapses,).
    shape : (post, pre), as the weights of a connection have it.

    Raises ValueError where the arrays do not fit each other; `check()` looks into them.
    """

    indptr: Tensor
    indices: Tensor
    values: Tensor
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        post, pre = self.shape
        found = tuple(self.indptr.shape), tuple(self.indices.shape), tuple(self.values.shape)
        if found[0] != (pre + 1,) or found[1] != found[2] or len(found[1]) != 1:
            raise ValueError(
                f"CSR of shape (post, pre) = {self.shape}: indptr, indices and values have shapes "
                f"{found}; they must be ({pre + 1},), (synapses,) and (synapses,)."
            )
        wanted = index_dtype(post)
        if self.indptr.dtype != torch.int64 or self.indices.dtype != wanted:
            raise ValueError(
                f"CSR of shape (post, pre) = {self.shape}: indptr must be torch.int64 and indices "
                f"{wanted}; got {self.indptr.dtype} and {self.indices.dtype}."
            )

    @property
    def nnz(self) -> int:
        """The number of synapses."""
        return self.indices.shape[0]

    @property
    def nbytes(self) -> int:
        return self.indptr.nbytes + self.indices.nbytes + self.values.nbytes

    @property
    def device(self) -> torch.device:
        return self.indices.device

    @staticmethod
    def from_scipy(matrix: scipy.sparse.spmatrix | scipy.sparse.sparray) -> CSR:
        """The synapses of a scipy matrix (post, pre) of any format; repeated entries are summed.

        Entries that are stored as zero are kept: they are synapses.
        """
        columns = scipy.sparse.csc_matrix(matrix)
        if columns is matrix or np.shares_memory(columns.data, getattr(matrix, "data", columns)):
            columns = columns.copy()  # what follows works in place
        columns.sum_duplicates()
        post, pre = columns.shape
        narrow = np.uint16 if index_dtype(post) == torch.uint16 else np.int32
        return CSR(
            torch.from_numpy(columns.indptr.astype(np.int64)),
            torch.from_numpy(columns.indices.astype(narrow)),
            torch.from_numpy(np.ascontiguousarray(columns.data)),
            (post, pre),
        )

    def to_scipy(self, values: np.ndarray | None = None) -> scipy.sparse.csr_matrix:
        """The same as scipy's CSR (post, pre), rows by postsynaptic neuron."""
        if values is None:
            held = self.values.detach().cpu()
            # NumPy has no bfloat16.
            values = (held.float() if held.dtype == torch.bfloat16 else held).numpy()
        indptr, indices = self.indptr.cpu().numpy(), self.indices.cpu().numpy().astype(np.int32)
        return scipy.sparse.csc_matrix((values, indices, indptr), shape=self.shape).tocsr()

    def to(self, device: torch.device | str) -> CSR:
        moved = (t.to(device) for t in (self.indptr, self.indices, self.values))
        return CSR(*moved, self.shape)

    def with_values(self, values: Tensor) -> CSR:
        """Other weights at the same places."""
        return replace(self, values=values)

    def check(self, label: str) -> None:
        """Raise ValueError, beginning with `label`, unless the arrays are canonical.

        Canonical: `indptr` starts at 0, never falls and ends at the number of synapses; indices are
        in [0, post), ascending in each row, and none comes twice.
        """
        post, pre = self.shape
        steps = self.indptr.diff()
        ends = (int(self.indptr[0]), int(self.indptr[-1])) if pre + 1 else (0, 0)
        if ends != (0, self.nnz) or bool((steps < 0).any()):
            raise ValueError(
                f"{label}: indptr must rise from 0 to the number of synapses, {self.nnz}; it goes "
                f"from {ends[0]} to {ends[1]}, and falls {int((steps < 0).sum())} times."
            )
        low, high = self._range()
        if low < 0 or high >= post:
            raise ValueError(
                f"{label}: indices name postsynaptic neurons and must be in [0, {post}) for shape "
                f"(post, pre) = {self.shape}; they are in [{low}, {high}]."
            )
        at = self._fall()
        if at >= 0:
            row = int(torch.searchsorted(self.indptr, at, right=True)) - 1
            before, after = self.indices[at - 1 : at + 1].to(torch.int32).tolist()
            raise ValueError(
                f"{label}: the indices of each row must ascend without repeats (a canonical CSR); "
                f"those of presynaptic neuron {row} do not, at position {at}: {before} is followed "
                f"by {after}. Sort the rows and sum the duplicates; CSR.from_scipy does both."
            )

    def _range(self) -> tuple[int, int]:
        if not self.nnz:
            return 0, -1
        if self.device.type == "cpu":  # torch has no minimum of 16-bit unsigned numbers
            indices = self.indices.numpy()
            return int(indices.min()), int(indices.max())
        indices = self.indices.to(torch.int32)
        return int(indices.min()), int(indices.max())

    def _fall(self) -> int:
        """The first position whose index is not above the one before it in its row; -1: none."""
        if self.device.type == "cpu":
            from lava_torch.kernels.spike.cpu import first_fall

            return int(first_fall(self.indptr.numpy(), self.indices.numpy()))
        rises = self.indices.to(torch.int32).diff() > 0
        starts = self.indptr[1:-1]
        rises[starts[(starts > 0) & (starts < self.nnz)] - 1] = True
        falls = (~rises).nonzero()
        return int(falls[0]) + 1 if len(falls) else -1
