"""What happens to a message on its way between two ports, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np


@dataclass(frozen=True)
class Reshape:
    """The message takes `shape`; the order of its elements (C order) stays."""

    shape: tuple[int, ...]

    def apply(self, message: np.ndarray) -> np.ndarray:
        return np.reshape(message, self.shape)


@dataclass(frozen=True)
class Transpose:
    """Axis i of the result is axis `axes[i]` of the message; no axis is negative."""

    axes: tuple[int, ...]

    def apply(self, message: np.ndarray) -> np.ndarray:
        return np.transpose(message, self.axes)

    def inverse(self) -> Transpose:
        return Transpose(tuple(int(i) for i in np.argsort(self.axes)))


@dataclass(frozen=True)
class Place:
    """The message becomes part of a larger array of `shape`, zero elsewhere.

    It occupies [start, start + its length) along `axis`: its share of a concatenation.
    """

    axis: int
    start: int
    shape: tuple[int, ...]

    def apply(self, message: np.ndarray) -> np.ndarray:
        whole = np.zeros(self.shape, np.asarray(message).dtype)
        whole[self.region(np.shape(message)[self.axis])] = message
        return whole

    def region(self, length: int) -> tuple[slice, ...]:
        """The index of the part that a message of `length` along `axis` occupies."""
        return _span(self.axis, self.start, length)


@dataclass(frozen=True)
class Take:
    """The part of the message that is [start, start + length) along `axis`: the way back from a
    Place."""

    axis: int
    start: int
    length: int

    def apply(self, message: np.ndarray) -> np.ndarray:
        return message[_span(self.axis, self.start, self.length)]


def _span(axis: int, start: int, length: int) -> tuple[slice, ...]:
    """The index of [start, start + length) along `axis`."""
    return (slice(None),) * axis + (slice(start, start + length),)


Step = Reshape | Transpose | Place | Take


def applied(steps: Iterable[Step], message: np.ndarray) -> np.ndarray:
    """What a message becomes on its way: a view of it, or a new array."""
    return reduce(lambda x, step: step.apply(x), steps, message)
