"""What Vars and ports have in common."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess


class MemberOwner:
    """What can own members: `AbstractProcess` is the one kind, defined where members are known."""

    name: str


class AbstractProcessMember:
    """A named tensor-shaped part of a Process: a Var or a port.

    Parameters
    ----------
    shape : tuple of ints, none negative.

    Raises
    ------
    AssertionError : `shape` is not a tuple of such ints.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape: tuple[int, ...] = _checked_shape(shape, type(self).__name__)
        self._process: AbstractProcess | None = None
        self._name: str | None = None

    @property
    def size(self) -> int:
        """Number of elements: the product of the shape."""
        return math.prod(self.shape)

    @property
    def name(self) -> str | None:
        """The name of its attribute in its Process; AssertionError unless set to a str."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        if not isinstance(value, str):
            raise AssertionError(f"A {type(self).__name__} needs a str as name; got {value!r}.")
        self._name = value

    @property
    def process(self) -> AbstractProcess | None:
        """The Process it belongs to; AssertionError unless set to a Process."""
        return self._process

    @process.setter
    def process(self, value: AbstractProcess) -> None:
        if not isinstance(value, MemberOwner):
            raise AssertionError(
                f"The process of {type(self).__name__} '{self.name}' must be an AbstractProcess; "
                f"got {value!r}."
            )
        self._process = value

    @property
    def label(self) -> str:
        """`process.member`, as error messages call it."""
        name = self.name or f"(unnamed {type(self).__name__})"
        return name if self.process is None else f"{self.process.name}.{name}"


def _checked_shape(shape: tuple[int, ...], kind: str) -> tuple[int, ...]:
    if not isinstance(shape, tuple):
        raise AssertionError(f"The shape of a {kind} must be a tuple, such as (5,); got {shape!r}.")
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise AssertionError(f"The shape of a {kind} must hold ints; got {shape!r}.") from None
    if any(size < 0 for size in sizes):
        raise AssertionError(f"The shape of a {kind} must not be negative; got {shape!r}.")
    return sizes
