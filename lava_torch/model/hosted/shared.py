"""Vars that RefPorts of numpy models reach, and when they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lava_torch.core.path_steps import Place, Reshape, Step, Transpose
from lava_torch.model.errors import VarValueError
from lava_torch.model.hosted.tasks import wait


class Server:
    """When the Vars of one Process are open to others: once it has done its own work in a phase
    that serves them. What is written before waits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_open = False
        self.waiting: deque[Callable[[], None]] = deque()

    def open(self) -> None:
        """Let requests in, those that wait first."""
        self.is_open = True
        while self.waiting:
            self.waiting.popleft()()

    def close(self) -> None:
        self.is_open = False

    def keep(self, requests: Collection[Callable[[], None]]) -> None:
        """Of the requests that wait, forget all but these."""
        self.waiting = deque(request for request in self.waiting if request in requests)

    def submit(self, request: Callable[[], None]) -> None:
        if self.is_open:
            request()
        else:
            self.waiting.append(request)


class Access(Protocol):
    """How a Var's value is reached."""

    def get(self) -> np.ndarray: ...

    def put(self, data: np.ndarray) -> None: ...


@dataclass(frozen=True)
class SharedVar:
    """A Var as one RefPort sees it: `steps` lead from the RefPort's shape to the Var's."""

    server: Server
    label: str
    var: Access
    steps: tuple[Step, ...]
    shape: tuple[int, ...]

    def read(self, port: str) -> np.ndarray:
        self._await(port, "read")
        return np.array(undone(self.var.get(), self.steps, self.shape))

    def write(self, port: str, data: np.ndarray) -> None:
        for step in self.steps:
            data = step.apply(data)
        self.server.submit(lambda: self._put(port, data))

    def _put(self, port: str, data: np.ndarray) -> None:
        try:
            self.var.put(data)
        except ValueError as error:
            raise VarValueError(
                f"RefPort '{port}' wrote Var '{self.label}', which refused it: {error}"
            ) from error

    def settle(self, port: str) -> None:
        if self.server.waiting:
            self._await(port, "write")

    def _await(self, port: str, verb: str) -> None:
        if not self.server.is_open:
            wait(
                lambda: self.server.is_open,
                f"RefPort '{port}' to {verb} Var '{self.label}', which Process "
                f"'{self.server.name}' serves when it has done its own work in pre- or "
                f"post-management, and not in other phases",
            )


def undone(value: np.ndarray, steps: tuple[Step, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The way back through views: what an array of the last shape was before `steps`, which began
    with `shape`."""
    shapes = [shape]
    for step in steps:
        shapes.append(_shape_after(step, shapes[-1]))
    for step, before in zip(reversed(steps), reversed(shapes[:-1]), strict=True):
        match step:
            case Reshape():
                value = value.reshape(before)
            case Transpose():
                value = step.inverse().apply(value)
            case Place(axis):
                value = value[step.region(before[axis])]
    return value


def _shape_after(step: Step, shape: tuple[int, ...]) -> tuple[int, ...]:
    match step:
        case Transpose(axes):
            return tuple(shape[axis] for axis in axes)
        case _:
            return step.shape
