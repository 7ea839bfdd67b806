"""Vars that RefPorts of numpy models reach, and when they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lava_torch.core.path_steps import Place, Step, applied
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
    """A Var as one RefPort sees it: `forward` leads from the RefPort to the Var, `back` from the
    Var to the RefPort."""

    server: Server
    label: str
    var: Access
    forward: tuple[Step, ...]
    back: tuple[Step, ...]

    def read(self, port: str) -> np.ndarray:
        self._await(port, "read")
        return np.array(applied(self.back, self.var.get()))

    def write(self, port: str, data: np.ndarray) -> None:
        new = applied(self.forward, data)
        here = None
        if any(isinstance(step, Place) for step in self.forward):
            here = applied(self.forward, np.ones(data.shape, bool))
        self.server.submit(lambda: self._put(port, new, here))

    def _put(self, port: str, data: np.ndarray, here: np.ndarray | None) -> None:
        try:
            self.var.put(data if here is None else np.where(here, data, self.var.get()))
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
