"""What a Var is given to hold: checked and laid out before anything is written.

Functions take a `label`, such as "Var 'v' of Process 'lif'", that their errors begin with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lava_torch.model.errors import VarIndexError, VarInitError, VarValueError


@dataclass(frozen=True)
class SparsePattern:
    """The fixed positions of a sparse Var; its buffer holds the values alone, in CSR order."""

    indptr: np.ndarray
    indices: np.ndarray
    shape: tuple[int, int]

    def matrix(self, values: np.ndarray) -> scipy.sparse.csr_matrix:
        return scipy.sparse.csr_matrix((values, self.indices, self.indptr), shape=self.shape)

    def values_of(self, label: str, value: Any) -> np.ndarray:
        """The values of a sparse matrix with these positions; VarValueError for anything else."""
        if not scipy.sparse.issparse(value):
            raise VarValueError(
                f"{label} is sparse {self.shape}; got {type(value).__name__}. Pass a scipy.sparse "
                f"matrix with the same entries."
            )
        other, values = split(value)
        if not self._equals(other):
            raise VarValueError(
                f"{label} keeps its {self.indices.size} stored positions in shape {self.shape}; "
                f"got {values.size} others in shape {other.shape}. Change the values of what "
                f"get() gives, and set that."
            )
        return values

    def _equals(self, other: SparsePattern) -> bool:
        return (
            self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )


def split(matrix: Any) -> tuple[SparsePattern, np.ndarray]:
    """A sparse matrix's positions, and its values in that order."""
    csr = scipy.sparse.csr_matrix(matrix)
    csr.sum_duplicates()
    return SparsePattern(csr.indptr, csr.indices, csr.shape), csr.data


def broadcast_init(
    label: str, init: Any, shape: tuple[int, ...], batch: int | None, own_shape: bool
) -> np.ndarray:
    """A copy of `init` in the Var's shape.

    It may bring a leading axis of `batch` items; with `own_shape`, a Var of shape (1,) keeps an
    array's shape. Raises VarInitError for what is not numbers or cannot be broadcast.
    """
    init = _real_numbers(VarInitError, f"{label} has the init", init)
    brings_batch = batch is not None and init.shape == (batch, *shape)
    if brings_batch or (own_shape and shape == (1,) and init.size > 1):
        return init.copy()
    try:
        return np.broadcast_to(init, shape).copy()
    except ValueError:
        raise VarInitError(
            f"{label} has shape {shape}; its init of shape {init.shape} cannot be broadcast to it. "
            f"Give an array of {shape}."
        ) from None


def place(label: str, content: np.ndarray, value: Any, idx: Any) -> np.ndarray:
    """`content` with `value` everywhere (idx None) or at `idx`, as a new array.

    Raises VarValueError if the value does not fit, VarIndexError for an index out of range.
    """
    if scipy.sparse.issparse(value) or isinstance(value, str):
        raise VarValueError(
            f"{label} is a dense array of shape {content.shape}; got {type(value).__name__}. Pass "
            f"an array or a number."
        )
    value = _real_numbers(VarValueError, f"{label} of shape {content.shape} is set to", value)
    new = content.astype(np.result_type(value, np.float64))
    try:
        new[... if idx is None else idx] = value
    except (ValueError, IndexError) as error:
        kind = VarIndexError if isinstance(error, IndexError) else VarValueError
        where = "" if idx is None else f" at index {idx!r}"
        raise kind(
            f"{label} of shape {content.shape} cannot be set to a value of shape {value.shape}"
            f"{where}: {error}."
        ) from None
    return new


def c_cast(value: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """A float becomes an integer by dropping its fraction, as in C."""
    # Not ascontiguousarray, which would give a single number the shape (1,).
    if dtype.is_floating_point or dtype == torch.bool:
        return np.asarray(value, order="C")
    return np.asarray(np.trunc(value), order="C").astype(np.int64)


def outermost_last(value: torch.Tensor) -> torch.Tensor:
    """The same tensor with its last axis outermost in memory; itself if it lies so already."""
    return value.movedim(-1, 0).contiguous().movedim(0, -1) if value.ndim > 1 else value


def _real_numbers(error: type[ValueError], what: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise error(f"{what} {value!r}, which is not an array of real numbers.")
    return array
