"""What a numpy model holds, as plain data: numbers, text, tensors, and lists and dicts of these."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lava_torch.model.hosted.channel import Channel

#: Attributes that the runtime gives a model, beside its ports.
_GIVEN = frozenset({"proc_params", "model_id", "log", "_loglevel", "_end_asked", "phase"})
_NUMBERS = (bool, int, float, complex, str, bytes, type(None))


class _NotPlain(Exception):
    pass


def plain_attributes(attributes: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Copies of the attributes that are data. Of the others a warning says that a checkpoint does
    not hold them."""
    found, left = {}, []
    for name, value in attributes.items():
        if name in _GIVEN:
            continue
        try:
            found[name] = _plain(value)
        except _NotPlain:
            left.append(f"{name} ({type(value).__name__})")
    if left:
        warnings.warn(
            f"{label}: a checkpoint does not hold {', '.join(left)}: only numbers, text, arrays, "
            "random generators, and lists and dicts of these are. Make the others anew in the "
            "model's constructor, from what is held.",
            stacklevel=2,
        )
    return found


def restore(model: Any, attributes: Mapping[str, Any]) -> None:
    """Give a model the attributes of `plain_attributes`."""
    for name, value in attributes.items():
        old = getattr(model, name, None)
        setattr(model, name, _thing(value, old))


def queued(channel: Channel) -> list[Any]:
    """The messages that wait in a channel."""
    return [_plain(item) for item in channel.items]


def set_queued(channel: Channel, items: list[Any]) -> None:
    channel.items.clear()
    channel.items.extend(_thing(item, None) for item in items)


def _plain(value: Any) -> Any:
    if type(value) is np.ndarray:
        return {"$array": _tensor(value)}
    if isinstance(value, np.generic):
        return {"$scalar": _tensor(np.asarray(value))}
    if type(value) in _NUMBERS:
        return value
    if isinstance(value, np.random.Generator):
        return {"$generator": _plain(value.bit_generator.state)}
    if scipy.sparse.issparse(value):
        csr = scipy.sparse.csr_matrix(value)
        parts = (csr.data, csr.indices, csr.indptr)
        return {"$csr": [*map(_tensor, parts), list(csr.shape)]}
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise _NotPlain


def _tensor(array: np.ndarray) -> torch.Tensor | list:
    """What torch.load takes without pickle: a tensor; of text its dtype, its shape and a list."""
    if array.dtype.kind in "SU":
        return [array.dtype.str, list(array.shape), array.reshape(-1).tolist()]
    try:
        return torch.from_numpy(np.array(array, array.dtype.newbyteorder("="), order="C"))
    except TypeError:
        raise _NotPlain from None


def _array(held: torch.Tensor | list) -> np.ndarray:
    """The reverse of `_tensor`."""
    if isinstance(held, torch.Tensor):
        return held.cpu().numpy().copy()
    dtype, shape, texts = held
    return np.array(texts, dtype).reshape(shape)


def _thing(value: Any, old: Any) -> Any:
    """The reverse of `_plain`; `old` is what a model made of it in its constructor."""
    if isinstance(value, dict) and "$array" in value:
        return _array(value["$array"])
    if isinstance(value, dict) and "$scalar" in value:
        return _array(value["$scalar"])[()]
    if isinstance(value, dict) and "$generator" in value:
        state = value["$generator"]
        generator = old if isinstance(old, np.random.Generator) else np.random.default_rng()
        if generator.bit_generator.state["bit_generator"] != state["bit_generator"]:
            generator = np.random.Generator(getattr(np.random, _known(state["bit_generator"]))())
        generator.bit_generator.state = state
        return generator
    if isinstance(value, dict) and "$csr" in value:
        *parts, shape = value["$csr"]
        return scipy.sparse.csr_matrix(tuple(map(_array, parts)), shape=tuple(shape))
    if isinstance(value, (list, tuple)):
        return type(value)(_thing(item, None) for item in value)
    if isinstance(value, dict):
        return {key: _thing(item, None) for key, item in value.items()}
    return value


def _known(name: str) -> str:
    if name not in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"):
        raise ValueError(f"There is no bit generator '{name}' in numpy.")
    return name
