"""The ports of numpy models."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

import numpy as np

from lava_torch.model.hosted.channel import Channel
from lava_torch.model.hosted.shared import SharedVar

Sparse = tuple[np.ndarray, np.ndarray]


class AbstractPyPort:
    """Base of the ports of numpy models.

    Attributes
    ----------
    label : "process.port".
    shape : shape of a message.
    dtype : the dtype that the model declares.
    """

    #: Whether messages are pairs of values and flat positions.
    sparse: ClassVar[bool] = False

    def __init__(self, label: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.label = label
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__} '{self.label}' of shape {self.shape}, {self.dtype}"


class PyInPort(AbstractPyPort):
    """Receives messages.

    Kinds: VEC_DENSE; VEC_SPARSE, which receives pairs (data, idx) of its first connection;
    SCALAR_DENSE, which gives a number; SCALAR_SPARSE, a pair of numbers.
    """

    VEC_DENSE: ClassVar[type[PyInPort]]
    VEC_SPARSE: ClassVar[type[PyInPort]]
    SCALAR_DENSE: ClassVar[type[PyInPort]]
    SCALAR_SPARSE: ClassVar[type[PyInPort]]

    def __init__(self, label: str, shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(label, shape, dtype)
        self.channels: list[Channel] = []

    def probe(self) -> bool:
        """Whether `recv` would return at once: each connection has a message, or there is none."""
        return all(channel.items for channel in self.channels)

    def recv(self) -> Any:
        """The next message; it waits until there is one."""
        raise TypeError(f"{self!r} must define recv().")

    def peek(self) -> Any:
        """What `recv` will give, which stays; it waits until there is one. (Lava's takes it.)"""
        raise TypeError(f"{self!r} must define peek().")


class PyInPortVectorDense(PyInPort):
    """Receives arrays: the sum of what its connections bring, zeros without any.

    The sum begins with zeros of the port's dtype, so that NumPy's promotion decides on its dtype.
    """

    def recv(self) -> np.ndarray:
        """The sum of the next message of each connection: an array of `shape`, the caller's own."""
        channels = self.channels
        if len(channels) == 1:
            message = channels[0].receive()
            return message if message.dtype == self.dtype else self._promoted(message)
        return self._sum([channel.receive() for channel in channels])

    def peek(self) -> np.ndarray:
        """What `recv` will give, which stays; it waits until all of it is there."""
        return self._sum([channel.peek() for channel in self.channels])

    def _sum(self, messages: list[np.ndarray]) -> np.ndarray:
        total = np.zeros(self.shape, self.dtype)
        for message in messages:
            total = total + message
        return total

    def _promoted(self, message: np.ndarray) -> np.ndarray:
        return message.astype(np.promote_types(message.dtype, self.dtype), copy=False)


class PyInPortVectorSparse(PyInPort):
    """Receives pairs (data, idx): values, and their flat positions. Its first connection counts."""

    sparse = True

    def recv(self) -> Sparse:
        """The next message of the first connection, empty without one."""
        return self.channels[0].receive() if self.channels else self._nothing()

    def peek(self) -> Sparse:
        """What `recv` will give, which stays."""
        return self.channels[0].peek() if self.channels else self._nothing()

    def _nothing(self) -> Sparse:
        return np.zeros(0, self.dtype), np.zeros(0, np.int64)


class PyInPortScalarDense(PyInPortVectorDense):
    """Receives numbers: VEC_DENSE of one element."""

    def recv(self) -> Any:
        return super().recv().item()

    def peek(self) -> Any:
        return super().peek().item()


class PyInPortScalarSparse(PyInPortVectorSparse):
    """Receives pairs of numbers: VEC_SPARSE of one element, 0 at position 0 for an empty one."""

    def recv(self) -> tuple[Any, int]:
        return _scalars(super().recv())

    def peek(self) -> tuple[Any, int]:
        return _scalars(super().peek())


class PyOutPort(AbstractPyPort):
    """Sends messages, to no one if it is not connected.

    Kinds: VEC_DENSE, VEC_SPARSE, SCALAR_DENSE, SCALAR_SPARSE, see PyInPort.
    """

    VEC_DENSE: ClassVar[type[PyOutPort]]
    VEC_SPARSE: ClassVar[type[PyOutPort]]
    SCALAR_DENSE: ClassVar[type[PyOutPort]]
    SCALAR_SPARSE: ClassVar[type[PyOutPort]]

    def __init__(self, label: str, shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(label, shape, dtype)
        self.channels: list[Channel] = []

    def flush(self) -> None:
        """Nothing: messages are sent at once."""

    def advance_to_time_step(self, time_step: int) -> None:
        """Nothing: a receiver waits for messages, not for times."""

    def _refuse(self, found: tuple[int, ...], hint: str = "") -> ValueError:
        return ValueError(
            f"OutPort '{self.label}' sends messages of shape {self.shape}; its model sent one of "
            f"shape {found}.{hint}"
        )


class PyOutPortVectorDense(PyOutPort):
    """Sends arrays of `shape`."""

    def send(self, data: np.ndarray) -> None:
        """Send a copy of `data`, cast to the port's dtype as in C; it waits while a channel is
        full.

        Raises ValueError if the shape is another.
        """
        for channel in self.channels:
            known = type(data) is np.ndarray and data.dtype == self.dtype
            message = data.copy() if known else np.array(data, self.dtype)
            if message.shape != self.shape:
                raise self._refuse(message.shape)
            channel.send(message)


class PyOutPortVectorSparse(PyOutPort):
    """Sends pairs of values and their flat positions in `shape`."""

    sparse = True

    def send(self, data: np.ndarray, idx: np.ndarray | None = None) -> None:
        """Send copies of `data`, and of `idx`, the positions (None: 0, 1, 2, ...); one axis each.

        Raises ValueError if there are not as many of one as of the other, and IndexError if a
        position is out of range.
        """
        for channel in self.channels:
            values = np.array(data, self.dtype).reshape(-1)
            places = np.arange(values.size) if idx is None else np.array(idx, np.int64).reshape(-1)
            if values.size != places.size:
                raise self._refuse(values.shape, f" There are {places.size} positions.")
            if places.size and not 0 <= places.min() <= places.max() < prod(self.shape):
                raise IndexError(
                    f"OutPort '{self.label}' of shape {self.shape}: its model sent to the "
                    f"positions {places.min()} to {places.max()}."
                )
            channel.send((values, places))


class PyOutPortScalarDense(PyOutPortVectorDense):
    """Sends numbers: VEC_DENSE of one element."""

    def send(self, data: Any) -> None:
        super().send(np.reshape(data, self.shape))


class PyOutPortScalarSparse(PyOutPortVectorSparse):
    """Sends a number and its position."""

    def send(self, data: Any, idx: int = 0) -> None:
        super().send(np.reshape(data, 1), np.reshape(idx, 1))


class PyRefPort(AbstractPyPort):
    """Reads and writes a Var of another Process, in pre- and post-management.

    Kinds: VEC_DENSE and SCALAR_DENSE; VEC_SPARSE and SCALAR_SPARSE read and write the same.
    """

    VEC_DENSE: ClassVar[type[PyRefPort]]
    VEC_SPARSE: ClassVar[type[PyRefPort]]
    SCALAR_DENSE: ClassVar[type[PyRefPort]]
    SCALAR_SPARSE: ClassVar[type[PyRefPort]]

    def __init__(self, label: str, shape: tuple[int, ...], dtype: Any) -> None:
        super().__init__(label, shape, dtype)
        self.var: SharedVar | None = None

    def read(self) -> np.ndarray:
        """The Var as it is when its Process has done its own work in this phase: a copy in the
        Var's dtype, of `shape`; zeros without a connection.

        It waits for that; in the spiking and the learning phase no Var is served.
        """
        if self.var is None:
            return np.zeros(self.shape, self.dtype)
        return self.var.read(self.label)

    def write(self, data: np.ndarray) -> None:
        """Write the Var when its Process has done its own work in this phase, or else in the next
        one that serves Vars: pre- or post-management, or the end of the run.

        Raises ValueError if `data` is not of `shape`.
        """
        message = np.array(data, self.dtype)
        if message.shape != self.shape:
            raise ValueError(
                f"RefPort '{self.label}' has shape {self.shape}; its model wrote an array of shape "
                f"{message.shape}."
            )
        if self.var is not None:
            self.var.write(self.label, message)

    def wait(self) -> None:
        """Return when all that was written has arrived."""
        if self.var is not None:
            self.var.settle(self.label)


class PyVarPort(AbstractPyPort):
    """Opens a Var to RefPorts; a model that has one need not do anything with it."""

    VEC_DENSE: ClassVar[type[PyVarPort]]
    VEC_SPARSE: ClassVar[type[PyVarPort]]
    SCALAR_DENSE: ClassVar[type[PyVarPort]]
    SCALAR_SPARSE: ClassVar[type[PyVarPort]]

    def service(self) -> None:
        """Nothing: requests are served by the runtime."""


class PyRefPortVectorDense(PyRefPort):
    """Reads and writes arrays."""


class PyVarPortVectorDense(PyVarPort):
    """Gives and takes arrays."""


def _set_kinds() -> None:
    PyInPort.VEC_DENSE, PyInPort.VEC_SPARSE = PyInPortVectorDense, PyInPortVectorSparse
    PyInPort.SCALAR_DENSE, PyInPort.SCALAR_SPARSE = PyInPortScalarDense, PyInPortScalarSparse
    PyOutPort.VEC_DENSE, PyOutPort.VEC_SPARSE = PyOutPortVectorDense, PyOutPortVectorSparse
    PyOutPort.SCALAR_DENSE, PyOutPort.SCALAR_SPARSE = PyOutPortScalarDense, PyOutPortScalarSparse
    for kind in ("VEC_DENSE", "VEC_SPARSE", "SCALAR_DENSE", "SCALAR_SPARSE"):
        setattr(PyRefPort, kind, PyRefPortVectorDense)
        setattr(PyVarPort, kind, PyVarPortVectorDense)


_set_kinds()


def _scalars(message: Sparse) -> tuple[Any, int]:
    data, idx = message
    return (data[0].item(), int(idx[0])) if data.size else (0, 0)


def conversion(
    shape: tuple[int, ...], source_sparse: bool, target_sparse: bool, dtype: Any
) -> Callable[[Any], Any] | None:
    """What makes a dense message of a sparse one and the reverse; None where nothing is to do.
    `shape` is that of a dense message."""
    if source_sparse == target_sparse:
        return None
    if target_sparse:
        return lambda message: (message[message != 0], np.flatnonzero(message))

    def dense(message: Sparse) -> np.ndarray:
        whole = np.zeros(prod(shape), dtype)
        whole[message[1]] = message[0]
        return whole.reshape(shape)

    return dense
