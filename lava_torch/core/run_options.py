"""How a network runs, beside which models it is made of."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

DTYPES = ("float32", "float64")
MAX_SEED = 2**64 - 1


class RunOptions:
    """The options that every run config has.

    They are class attributes first, so that a config whose constructor does not know of them has
    the defaults. `option_defaults` changes those of device and dtype, which None stands for.

    Attributes
    ----------
    device : where the network runs, such as "cpu", "cuda" or "cuda:1".
    dtype : "float32" or "float64", the dtype of floating-point models.
    batch_size : items that run side by side, each with a state of its own; None: one, without a
        batch axis.
    seed : what all random numbers follow from; None: drawn anew for each network.
    trainable : whether models make their trainable Vars parameters; or patterns of the Vars that
        become parameters, such as "dense.weights" or "*.vth".
    surrogate : what the gradient of a spike is: None (the default one), or a surrogate.
    stepper : which stepper runs the network; "auto": the fastest that can. Calls of a compiled
        network, `network(...)`, go layer by layer where they can under "auto" and "layers", and
        step by step under others.
    """

    device: str = "cpu"
    dtype: str = "float32"
    batch_size: int | None = None
    seed: int | None = None
    trainable: bool | tuple[str, ...] = False
    surrogate: Any = None
    stepper: str = "auto"

    def _set_options(
        self,
        device: Any,
        dtype: Any,
        batch_size: int | None,
        seed: int | None,
        trainable: bool | str | Sequence[str],
        surrogate: Any,
        stepper: str,
    ) -> None:
        self.device = self.device if device is None else _device(device)
        self.dtype = self.dtype if dtype is None else _dtype(dtype)
        self.batch_size = _whole_number("batch_size", batch_size, 1, None)
        self.seed = _whole_number("seed", seed, 0, MAX_SEED)
        self.trainable = _trainable(trainable)
        self.surrogate = _surrogate(surrogate)
        self.stepper = _text("stepper", stepper)

    def is_trainable(self, process: str, var: str) -> bool:
        """Whether `trainable` names this Var: as True does all, and a pattern what it matches."""
        if isinstance(self.trainable, bool):
            return self.trainable
        return any(fnmatchcase(f"{process}.{var}", pattern) for pattern in self.trainable)


@contextmanager
def option_defaults(*, device: Any = None, dtype: Any = None) -> Iterator[None]:
    """A context in which run configs that name no device, or no dtype, get these; None: as before.

    Raises TypeError or ValueError as a run config does.
    """
    before = RunOptions.device, RunOptions.dtype
    chosen = RunOptions()
    chosen._set_options(device, dtype, None, None, False, None, "auto")
    RunOptions.device, RunOptions.dtype = chosen.device, chosen.dtype
    try:
        yield
    finally:
        RunOptions.device, RunOptions.dtype = before


def _text(option: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a str; got {value!r} ({type(value).__name__}).")
    if not value:
        raise ValueError(f"{option} must not be empty.")
    return value


def _device(device: Any) -> str:
    # A torch.device is known by its parts, as this room does not import torch.
    if hasattr(device, "type") and hasattr(device, "index"):
        return str(device)
    return _text("device", device)


def _dtype(dtype: Any) -> str:
    if isinstance(dtype, (int, float)):
        raise TypeError(f"dtype must be one of {DTYPES} or a dtype; got {dtype!r}.")
    name = dtype.__name__ if isinstance(dtype, type) else str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ValueError(
            f"dtype must be one of {DTYPES}; got {dtype!r}. Fixed point is chosen by "
            f"select_tag='fixed_pt'."
        )
    return name


def _whole_number(option: str, value: Any, low: int, high: int | None) -> int | None:
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{option} must be None or a whole number; got {value!r}.")
    if number < low or (high is not None and number > high):
        limit = f"at least {low}" if high is None else f"in [{low}, {high}]"
        raise ValueError(f"{option} must be {limit}; got {number}.")
    return number


def _trainable(trainable: Any) -> bool | tuple[str, ...]:
    if isinstance(trainable, bool):
        return trainable
    if isinstance(trainable, str):
        return (_text("trainable", trainable),)
    if not isinstance(trainable, Sequence):
        raise TypeError(
            f"trainable must be a bool or patterns such as 'dense.weights'; got {trainable!r}."
        )
    return tuple(_text("an entry of trainable", pattern) for pattern in trainable)


def _surrogate(surrogate: Any) -> Any:
    if surrogate is None or isinstance(surrogate, str) or hasattr(surrogate, "gradient"):
        return surrogate
    raise TypeError(f"surrogate must be None, a name or a Surrogate; got {surrogate!r}.")
