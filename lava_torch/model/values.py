"""What a Var is given to hold: checked and laid out before anything is written.

Functions take a `label`, such as "Var 'v' of Process 'lif'", that their errors begin with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import nn

from lava_torch.kernels.spike import CSR
from lava_torch.model.errors import VarIndexError, VarInitError, VarValueError


def is_sparse(value: Any) -> bool:
    """Whether a Var with this init, or this value, is sparse."""
    return isinstance(value, CSR) or scipy.sparse.issparse(value)


def as_csr(label: str, matrix: Any) -> CSR:
    """A sparse Var's positions and values, by column: the synapses of a presynaptic neuron.

    A CSR is taken as it is, and looked into. Raises VarInitError for one that is not canonical.
    """
    if not isinstance(matrix, CSR):
        return CSR.from_scipy(matrix)
    try:
        matrix.check(label)
    except ValueError as error:
        raise VarInitError(str(error)) from None
    return matrix


def values_at(label: str, pattern: CSR, value: Any) -> torch.Tensor:
    """The values of a sparse matrix with the positions of `pattern`, in its order.

    Raises VarValueError for anything else.
    """
    if not is_sparse(value):
        raise VarValueError(
            f"{label} is sparse {pattern.shape}; got {type(value).__name__}. Pass a scipy.sparse "
            f"matrix with the same entries."
        )
    other = value if isinstance(value, CSR) else CSR.from_scipy(value)
    if not same_positions(pattern, other):
        raise VarValueError(
            f"{label} keeps its {pattern.nnz} stored positions in shape {pattern.shape}; got "
            f"{other.nnz} others in shape {other.shape}. Change the values of what get() gives, "
            f"and set that."
        )
    return other.values


def same_positions(a: CSR, b: CSR) -> bool:
    if a.shape != b.shape or a.nnz != b.nnz:
        return False
    b = b.to(a.device)
    return torch.equal(a.indptr, b.indptr) and torch.equal(a.indices, b.indices)


def values_where(pattern: CSR, other: CSR) -> torch.Tensor:
    """The values of `other` at the positions of `pattern`, 0 where it has none."""
    if same_positions(pattern, other):
        return other.values
    other = other.to(pattern.device)
    wanted, known = _keys(pattern), _keys(other)
    values = other.values.new_zeros(pattern.nnz)
    if other.nnz:
        at = torch.searchsorted(known, wanted).clamp(max=other.nnz - 1)
        found = known[at] == wanted
        values[found] = other.values[at[found]]
    return values


def _keys(csr: CSR) -> torch.Tensor:
    """One ascending number for each position."""
    neurons = torch.arange(csr.shape[1], device=csr.device)
    pre = neurons.repeat_interleave(csr.indptr.diff(), output_size=csr.nnz)
    return pre * csr.shape[0] + csr.indices.to(torch.int64)


def as_held(
    module: nn.Module, state: Mapping[str, torch.Tensor], prefix: str
) -> dict[str, torch.Tensor]:
    """`state` with its tensors in the dtypes that the module's have; `load_state_dict` would give
    the module others where it assigns, and compiled code takes memory for what it was."""
    cast = dict(state)
    for name, held in (*module._buffers.items(), *module._parameters.items()):
        given = state.get(prefix + name)
        if held is not None and given is not None and given.dtype != held.dtype:
            cast[prefix + name] = given.detach().to(held.dtype)
    return cast


def version(tensor: torch.Tensor) -> int | None:
    """How often it was written to; None where that is not counted."""
    return None if tensor.is_inference() else tensor._version


def sparse_cast(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A copy; a float becomes an integer by dropping its fraction, as in C."""
    if values.is_floating_point() and not dtype.is_floating_point:
        values = values.trunc().to(torch.int64)
    return values.detach().to(dtype, copy=True)


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
    if is_sparse(value) or isinstance(value, str):
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


def outermost_last(value: torch.Tensor, lead: int = 0) -> torch.Tensor:
    """The same tensor with its last axis outermost in memory, but for `lead` leading axes; itself
    if it lies so already."""
    if value.ndim <= lead + 1:
        return value
    return value.movedim(-1, lead).contiguous().movedim(lead, -1)


def _real_numbers(error: type[ValueError], what: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise error(f"{what} {value!r}, which is not an array of real numbers.")
    return array
