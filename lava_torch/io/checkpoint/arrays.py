"""The arrays of a checkpoint, in the dtypes that a safetensors file has."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lava_torch.io.checkpoint.errors import CheckpointError

#: safetensors' names of dtypes, with ours; NumPy has no bfloat16.
DTYPES: dict[str, tuple[torch.dtype, Any]] = {
    "F64": (torch.float64, np.dtype(np.float64)),
    "F32": (torch.float32, np.dtype(np.float32)),
    "F16": (torch.float16, np.dtype(np.float16)),
    "BF16": (torch.bfloat16, None),
    "I64": (torch.int64, np.dtype(np.int64)),
    "I32": (torch.int32, np.dtype(np.int32)),
    "I16": (torch.int16, np.dtype(np.int16)),
    "I8": (torch.int8, np.dtype(np.int8)),
    "U64": (torch.uint64, np.dtype(np.uint64)),
    "U32": (torch.uint32, np.dtype(np.uint32)),
    "U16": (torch.uint16, np.dtype(np.uint16)),
    "U8": (torch.uint8, np.dtype(np.uint8)),
    "BOOL": (torch.bool, np.dtype(np.bool_)),
}
_OF_TORCH = {ours: name for name, (ours, _) in DTYPES.items()}
_OF_NUMPY = {ours: name for name, (_, ours) in DTYPES.items() if ours is not None}


@dataclass(frozen=True)
class Array:
    """An array as a file holds it: `data` is its bytes in C order, uint8 (nbytes,)."""

    dtype: str
    shape: tuple[int, ...]
    data: np.ndarray

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def torch_dtype(self) -> torch.dtype:
        return DTYPES[self.dtype][0]

    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def tensor(self) -> torch.Tensor:
        """As a tensor, in memory of its own."""
        return torch.from_numpy(self.data.copy()).view(DTYPES[self.dtype][0]).reshape(self.shape)

    def numpy(self) -> np.ndarray:
        """As a NumPy array, in memory of its own; CheckpointError for bfloat16."""
        dtype = DTYPES[self.dtype][1]
        if dtype is None:
            raise CheckpointError(f"an array of {self.dtype} cannot be a NumPy array")
        return self.data.copy().view(dtype).reshape(self.shape)


def of_numpy(value: np.ndarray) -> Array | None:
    """Any real array; None for a dtype that a file cannot hold."""
    native = value.dtype.newbyteorder("=")
    if native not in _OF_NUMPY:
        return None
    flat = np.ascontiguousarray(value, dtype=native).reshape(-1)
    return Array(_OF_NUMPY[native], value.shape, flat.view(np.uint8))


def of_tensor(value: torch.Tensor) -> Array | None:
    """Any dense real tensor, copied to the host; None for one that a file cannot hold."""
    if value.dtype not in _OF_TORCH or value.layout != torch.strided or value.is_quantized:
        return None
    flat = value.detach().cpu().contiguous().reshape(-1)
    return Array(_OF_TORCH[value.dtype], tuple(value.shape), flat.view(torch.uint8).numpy())


class ArrayStore:
    """Arrays that are to be saved, by name; what is the same object is saved once."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._known: dict[int, tuple[Any, str]] = {}

    def add(self, value: Any, hint: str, make: Callable[[Any], Array | None]) -> str | None:
        """The name of an array, like `hint`; None where `make` gives nothing."""
        if id(value) in self._known:
            return self._known[id(value)][1]
        array = make(value)
        if array is None:
            return None
        name = self.put(array, hint)
        self._known[id(value)] = (value, name)  # kept, so that its id stays its own
        return name

    def put(self, array: Array, hint: str) -> str:
        name, count = hint, 1
        while name in self.arrays or name == "__metadata__":
            name, count = f"{hint}_{count}", count + 1
        self.arrays[name] = array
        return name

    def copy(self) -> ArrayStore:
        """Another store that begins with these arrays."""
        other = ArrayStore()
        other.arrays, other._known = dict(self.arrays), dict(self._known)
        return other


class Loaded:
    """The arrays of a file, each as one object however often it is asked for."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = dict(arrays)
        self._made: dict[tuple[str, str], Any] = {}

    def get(self, name: Any) -> Array:
        if not isinstance(name, str) or name not in self.arrays:
            raise CheckpointError(f"it names an array {name!r}, which it does not hold")
        return self.arrays[name]

    def numpy(self, name: Any) -> np.ndarray:
        return self._once(name, "numpy")

    def tensor(self, name: Any) -> torch.Tensor:
        return self._once(name, "tensor")

    def _once(self, name: Any, form: str) -> Any:
        array = self.get(name)
        if (name, form) not in self._made:
            self._made[name, form] = getattr(array, form)()
        return self._made[name, form]
