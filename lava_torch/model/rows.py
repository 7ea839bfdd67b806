"""How a model says what it does as rows of a table, beside saying it in torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from lava_torch.kernels.op import Row

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class Message:
    """What an OutPort sends, as memory that a row reads in the same step.

    `tensor` is contiguous, (batch, size); or, if `time`, data of which row (t - 1) % T is sent in
    step t, (T, batch or 1, size).
    """

    tensor: Tensor
    time: bool = False

    @property
    def size(self) -> int:
        return self.tensor.shape[-1]


@dataclass(frozen=True, eq=False)
class Events:
    """What is not zero in an InPort's input: flat positions b * size + j, and how many.

    `spikes` is int32 (batch * size,), `count` int32 (1,), `x` (batch * size,) the input itself.
    """

    spikes: Tensor
    count: Tensor
    x: Tensor


class Rows(Protocol):
    """What a model's `..._rows` methods are given: its inputs as memory, and where rows go."""

    #: int64 (1,), the number of this step.
    clock: Tensor
    #: Items of the batch; 1 without a batch axis.
    batch: int

    def add(self, row: Row) -> None:
        """Append a row, which runs after those before it."""

    def before(self, row: Row) -> None:
        """A row that runs once before each run of steps."""

    def after(self, row: Row) -> None:
        """A row that runs once after each run of steps, and wherever a Var is read within one."""

    def send(self, port: str, tensor: Tensor, time: bool = False, state: bool = False) -> None:
        """Send `tensor`, see Message, from an OutPort. `state` says that it is a Var of the sender
        itself, which the sender's `absorb` overwrites."""

    def messages(self, port: str) -> list[Message]:
        """What arrives at an InPort, to be summed; empty where nothing is connected."""

    def whole(self, port: str) -> Tensor:
        """The input of an InPort in one tensor (batch, size): a message itself if there is one."""

    def events(self, port: str) -> Events:
        """The input of an InPort, as a list of what is not zero in it."""

    def read(self, ref_port: str) -> Tensor:
        """The Var behind a RefPort, flat, as it is when the rows that follow run."""

    def var(self, name: str) -> Tensor:
        """A Var of this model as (batch, size), or (1, size) where it has no batch axis."""

    def outermost(self, name: str) -> Tensor:
        """A Var of `last_axis_outermost` with that axis first, contiguous."""

    def scratch(
        self, shape: tuple[int, ...], dtype: torch.dtype, name: str | None = None
    ) -> Tensor:
        """Zeros that live as long as the table, on its device; by a name, the same ones for all
        methods of the model."""


def sum_dtype(messages: Sequence[torch.dtype], receiver: torch.dtype) -> torch.dtype:
    """What several messages to one InPort are summed in: the receiver's dtype, which the sum is
    cast to; but floats are added before they lose their fractions."""
    promoted = reduce(torch.promote_types, messages, torch.uint8)
    fractions = len(messages) > 1 and promoted.is_floating_point
    return promoted if fractions and not receiver.is_floating_point else receiver


def rows_of(*methods: str) -> Callable[[Method], Method]:
    """Marks a `..._rows` method as saying the same as these methods together.

    A subclass that overrides one of them but not the rows runs without a table.
    """

    def mark(method: Method) -> Method:
        method.mirrors = methods
        return method

    return mark


def rows_method(model: Any, method: str) -> str | None:
    """The name of the model's method that gives rows for step, emit, absorb, learn or manage; None
    if there is none, or if the model's class has changed what it mirrors."""
    name = f"{method}_rows"
    return None if unchanged(model, name, (method,)) is None else name


def unchanged(model: Any, name: str, mirrored: tuple[str, ...]) -> tuple[str, ...] | None:
    """The methods that the model's method `name` says the same as, `mirrored` unless it is marked;
    None if there is no such method, or if one of them was changed in a class after it."""
    kind = type(model)
    defined = next((k for k in kind.__mro__ if name in vars(k)), None)
    if defined is None:
        return None
    mirrored = getattr(vars(defined)[name], "mirrors", mirrored)
    newer = kind.__mro__[: kind.__mro__.index(defined)]
    changed = any(m in vars(k) for k in newer for m in mirrored) or any(
        m in vars(model) for m in mirrored
    )
    return None if changed else mirrored
