"""Where messages wait between an OutPort and an InPort."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from lava_torch.model.hosted.tasks import wait

#: Messages that a channel holds, unless a compile config says otherwise (`pypy_channel_size`).
CAPACITY = 64


class Channel:
    """The messages from one OutPort to one InPort, in the order in which they were sent.

    `seen` changes a message on its way, such as by the views between the ports; None: nothing does.
    A receiver waits while there is no message, a sender while `capacity` are there.
    """

    __slots__ = ("capacity", "items", "seen", "source", "target")

    def __init__(
        self,
        source: str,
        target: str,
        seen: Callable[[Any], Any] | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        self.source, self.target = source, target
        self.seen = seen
        self.capacity = capacity
        self.items: deque[Any] = deque()

    def send(self, message: Any) -> None:
        if len(self.items) >= self.capacity:
            what = f"'{self.target}' to receive one of {self.capacity} messages of '{self.source}'"
            wait(lambda: len(self.items) < self.capacity, what)
        self.items.append(message if self.seen is None else self.seen(message))

    def receive(self) -> Any:
        if not self.items:
            self.await_message()
        return self.items.popleft()

    def peek(self) -> Any:
        self.await_message()
        return self.items[0]

    def await_message(self) -> None:
        if not self.items:
            wait(lambda: bool(self.items), f"a message of '{self.source}' at '{self.target}'")
