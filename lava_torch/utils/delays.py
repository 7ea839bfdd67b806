"""The delays of synapses, checked before they reach a model."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

#: The longest delay, in time steps, that Loihi's fixed point has.
LONGEST_DELAY = 63


def largest_delay(label: str, values: np.ndarray, max_delay: Any) -> int:
    """The largest delay that a connection has room for: `max_delay`, or that of `values` if 0.

    Raises ValueError, beginning with `label`, for delays that are negative or above max_delay, and
    for a max_delay that is not a whole number from 0 on.
    """
    if not isinstance(max_delay, Integral) or isinstance(max_delay, bool) or max_delay < 0:
        raise ValueError(f"{label}: max_delay must be a whole number from 0 on; got {max_delay!r}.")
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low < 0:
        raise ValueError(
            f"{label}: delays must not be negative; they are in [{low}, {high}]. Delay 0 arrives "
            f"one step after the spike."
        )
    if max_delay and high > max_delay:
        raise ValueError(
            f"{label}: delays must not be above max_delay={max_delay}; they are in [{low}, "
            f"{high}]. Leave max_delay out, or give at least {high}."
        )
    return int(max_delay) or high


def check_dtype(label: str, dtype: Any) -> None:
    """ValueError unless it is int64, NumPy's dtype of whole numbers."""
    if dtype != np.int64:
        raise ValueError(
            f"{label}: delays are numbers of time steps, of dtype int64; got dtype {dtype}. Pass "
            f"delays.astype(np.int64), or one int."
        )


def check_shape(label: str, delays: tuple[int, ...], weights: tuple[int, ...]) -> None:
    """ValueError unless there is a delay for each weight."""
    if tuple(delays) != tuple(weights):
        raise ValueError(
            f"{label}: delays of shape {tuple(delays)} do not fit weights of shape "
            f"{tuple(weights)}; give an array of that shape, or one int."
        )
