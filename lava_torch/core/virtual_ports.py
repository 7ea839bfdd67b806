"""Virtual ports: views of a port in another shape."""

from __future__ import annotations

import itertools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lava_torch.core.connection_config import ConnectionConfig
from lava_torch.core.exceptions import (
    ConcatIndexError,
    ConcatShapeError,
    OneToOneError,
    PortKindError,
    ReshapeError,
    TransposeIndexError,
    TransposeShapeError,
)
from lava_torch.core.path_steps import Place, Reshape, Step, Transpose
from lava_torch.core.port_base import ConnectionConfigs, PortNode, check_edges, labels, to_list


class AbstractPort(PortNode):
    """Base of all ports.

    A port has the shape of one message. `reshape`, `flatten`, `transpose` and `concat_with` make
    virtual ports: views in another shape, which can be chained and connect forward only.

    Parameters
    ----------
    shape : tuple of ints, none negative.
    """

    def reshape(self, new_shape: tuple[int, ...]) -> ReshapePort:
        """A view of this port in `new_shape`, in C order.

        Raises AssertionError if `new_shape` is not a tuple of ints, ReshapeError if the number of
        elements differs.
        """
        sizes = _indices(new_shape) if isinstance(new_shape, tuple) else None
        if sizes is None:
            raise AssertionError(
                f"Cannot reshape '{self.label}': the new shape must be a tuple of ints, such as "
                f"(5,); got {new_shape!r}."
            )
        if any(size < 0 for size in sizes) or math.prod(sizes) != self.size:
            raise ReshapeError(self.shape, new_shape, self.label)
        view = ReshapePort(sizes, old_shape=self.shape)
        self._connect_forward([view], AbstractPort, [None], assert_same_shape=False)
        return view

    def flatten(self) -> ReshapePort:
        """A view of this port in shape (size,)."""
        return self.reshape((self.size,))

    def transpose(self, axes: Sequence[int] | None = None) -> TransposePort:
        """A view of this port whose axis i is this port's axis `axes[i]`; None reverses the axes.

        Raises TransposeShapeError if there are not as many axes as the port has,
        TransposeIndexError if one is out of range or repeated, TypeError if they are no sequence of
        ints. Negative axes count from the last.
        """
        wanted = _indices(reversed(range(len(self.shape))) if axes is None else axes)
        if wanted is None:
            raise TypeError(
                f"Cannot transpose '{self.label}': the axes must be ints, such as (1, 0); got "
                f"{axes!r}."
            )
        if len(wanted) != len(self.shape):
            raise TransposeShapeError(self.shape, axes, self.label)
        order = self._checked_axes(wanted)
        view = TransposePort(tuple(self.shape[axis] for axis in order), order)
        self._connect_forward([view], AbstractPort, [None], assert_same_shape=False)
        return view

    def _checked_axes(self, axes: tuple[int, ...]) -> tuple[int, ...]:
        count = len(self.shape)
        order: list[int] = []
        for axis in axes:
            positive = axis + count if axis < 0 else axis
            if not 0 <= positive < count or positive in order:
                raise TransposeIndexError(self.shape, axes, axis, self.label)
            order.append(positive)
        return tuple(order)

    def concat_with(self, ports: AbstractPort | Sequence[AbstractPort], axis: int) -> ConcatPort:
        """This port and `ports` (of the same kind, views too) joined along `axis`, in that order.

        Raises AssertionError if the kinds differ, ConcatIndexError if `axis` is out of range,
        ConcatShapeError if the shapes differ on another axis, TypeError if `axis` is no int.
        """
        joined = [self, *to_list(ports)]
        self._validate_ports(joined, AbstractPort, assert_same_shape=False, assert_same_type=True)
        return ConcatPort(joined, axis)


class AbstractIOPort(AbstractPort):
    """Base of InPort and OutPort."""


class AbstractRVPort(AbstractPort):
    """Base of RefPort and VarPort."""


class AbstractVirtualPort(AbstractPort, ABC):
    """Base of the views.

    A view of one's own needs the two transformations, and `path_step` where its forward one is
    neither a reshaping nor a transposition.
    """

    is_virtual = True

    @property
    def base_port(self) -> PortNode | None:
        return self.in_connections[0].base_port if self.in_connections else None

    @property
    def kind(self) -> type[PortNode]:
        return type(self) if self.base_port is None else self.base_port.kind

    @property
    def process(self):
        """The Process of the port that this is a view of."""
        return None if self.base_port is None else self.base_port.process

    @property
    def label(self) -> str:
        base = type(self).__name__ if self.base_port is None else self.base_port.label
        return f"{base} as {self.shape}"

    def connect(
        self,
        ports: AbstractPort | Sequence[AbstractPort],
        connection_configs: ConnectionConfigs = None,
    ) -> None:
        """Connect to what the port that this is a view of can be connected to.

        Raises AssertionError for a wrong kind or shape and for a second connection of a Ref- or
        VarPort, DuplicateConnectionError for the same connection again.
        """
        base = self.base_port
        if base is None:
            raise PortKindError(f"{self.kind_text} is a view of no port.")
        targets = to_list(ports)
        if isinstance(base, AbstractRVPort):
            self._check_one_to_one(targets)
        base._connect_view(self, targets, to_list(connection_configs))

    def _check_one_to_one(self, targets: list[PortNode]) -> None:
        taken = [end for port in self._viewed_ports() for end in port.get_dst_ports()]
        if len(targets) > 1 or taken:
            raise OneToOneError(
                f"'{self.label}' can have one connection only; it has {labels(taken) or 'none'} "
                f"and is given {labels(targets)}."
            )

    def _viewed_ports(self) -> list[PortNode]:
        return [
            port
            for source in self.in_connections
            for port in (source._viewed_ports() if source.is_virtual else [source])
        ]

    @abstractmethod
    def get_transform_func_fwd(self) -> Callable:
        """What turns a message of the viewed port's shape into one of this shape."""

    @abstractmethod
    def get_transform_func_bwd(self) -> Callable:
        """The inverse: what turns data of this shape into the viewed port's shape."""

    def path_step(self, source: PortNode) -> Step:
        """What this view does to a message from `source`, the port before it, as plain data.

        Raises TypeError if the forward function is neither a reshaping nor a transposition.
        """
        before = np.arange(source.size).reshape(source.shape)
        after = np.asarray(self.get_transform_func_fwd()(before))
        if np.array_equal(after.ravel(), before.ravel()):
            return Reshape(self.shape)
        for axes in itertools.permutations(range(before.ndim)):
            if np.array_equal(before.transpose(axes), after):
                return Transpose(axes)
        raise TypeError(
            f"{self.kind_text} neither reshapes nor transposes: override path_step() in "
            f"{type(self).__name__}."
        )

    def _check_can_be_fed(self, source: AbstractPort) -> None:
        """PortKindError if a message of `source` cannot be changed back to the port that this is a
        view of; and what forbids a connection with that port."""
        before = self.in_connections[0]
        if isinstance(self.path_step(before), Place):
            raise PortKindError(
                f"Nothing can be sent to {self.kind_text}, which joins several ports: connect to "
                f"each of them."
            )
        if before.is_virtual:
            before._check_can_be_fed(source)
        else:
            check_edges([(source, before)])

    def _feed(self, source: AbstractPort, config: ConnectionConfig | None) -> None:
        """Connect `source` to the port that this is a view of, undoing the view on the way."""
        before = self.in_connections[0]
        step = self.path_step(before)
        undone = isinstance(step, Transpose)
        view = source.transpose(step.inverse().axes) if undone else source.reshape(before.shape)
        if before.is_virtual:
            before._feed(view, config)
        else:
            view._connect_forward([before], AbstractIOPort, [config])

    def _func_fwd(self, source: PortNode) -> Callable:
        return self.get_transform_func_fwd()

    def _func_bwd(self, source: PortNode) -> Callable:
        return self.get_transform_func_bwd()


class ReshapePort(AbstractVirtualPort):
    """A port of `old_shape` seen in `new_shape`, in C order; `reshape()` makes it."""

    def __init__(self, new_shape: tuple[int, ...], old_shape: tuple[int, ...]) -> None:
        super().__init__(new_shape)
        self.old_shape = old_shape

    def get_transform_func_fwd(self) -> Callable[[np.ndarray], np.ndarray]:
        """A function from an array of `old_shape` to one of `shape`."""
        return Reshape(self.shape).apply

    def get_transform_func_bwd(self) -> Callable[[np.ndarray], np.ndarray]:
        """A function from an array of `shape` to one of `old_shape`."""
        return Reshape(self.old_shape).apply

    def path_step(self, source: PortNode) -> Reshape:
        return Reshape(self.shape)


class TransposePort(AbstractVirtualPort):
    """A port seen with its axes permuted by `axes`; `transpose()` makes it."""

    def __init__(self, new_shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
        super().__init__(new_shape)
        self.axes = axes

    def get_transform_func_fwd(self) -> Callable[[np.ndarray], np.ndarray]:
        """A function that permutes the axes of an array."""
        return Transpose(self.axes).apply

    def get_transform_func_bwd(self) -> Callable[[np.ndarray], np.ndarray]:
        """A function that permutes the axes back."""
        return Transpose(self.axes).inverse().apply

    def path_step(self, source: PortNode) -> Transpose:
        return Transpose(self.axes)


class ConcatPort(AbstractVirtualPort):
    """Several ports of one kind seen as one, joined along an axis; `concat_with()` makes it.

    Attributes
    ----------
    concat_axis : the axis, not negative.
    """

    def __init__(self, ports: Sequence[AbstractPort], axis: int) -> None:
        self.concat_axis = _checked_concat_axis(ports, axis)
        super().__init__(_concat_shape(ports, self.concat_axis))
        self._connect_backward(ports, AbstractPort, [None], assert_same_shape=False)

    def get_transform_func_fwd(self) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
        """A function that joins the arrays of all its ports, given in order."""
        return partial(np.concatenate, axis=self.concat_axis)

    def get_transform_func_bwd(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        """A function that splits an array into those of its ports, in order."""
        starts = [self._start(port) for port in self.in_connections[1:]]
        return partial(np.split, indices_or_sections=starts, axis=self.concat_axis)

    def path_step(self, source: PortNode) -> Place:
        return Place(self.concat_axis, self._start(source), self.shape)

    def _start(self, source: PortNode) -> int:
        before = itertools.takewhile(lambda port: port is not source, self.in_connections)
        return sum(port.shape[self.concat_axis] for port in before)

    def _func_fwd(self, source: PortNode) -> Callable[[np.ndarray], np.ndarray]:
        return self.path_step(source).apply

    def _func_bwd(self, source: PortNode) -> Callable[[np.ndarray], np.ndarray]:
        part = self.path_step(source).region(source.shape[self.concat_axis])
        return operator.itemgetter(part)


def _indices(values: Any) -> tuple[int, ...] | None:
    """As ints; None if they are no ints."""
    try:
        return tuple(map(operator.index, values))
    except TypeError:
        return None


def _checked_concat_axis(ports: Sequence[PortNode], axis: int) -> int:
    if _indices([axis]) is None:
        raise TypeError(
            f"Cannot concatenate {labels(ports)} along axis {axis!r}: it must be an int."
        )
    for port in ports:
        if not -len(port.shape) <= axis < len(port.shape):
            raise ConcatIndexError(port.shape, axis, port.label)
    return axis % len(ports[0].shape)


def _concat_shape(ports: Sequence[PortNode], axis: int) -> tuple[int, ...]:
    first = ports[0].shape
    for port in ports:
        if port.shape[:axis] != first[:axis] or port.shape[axis + 1 :] != first[axis + 1 :]:
            raise ConcatShapeError([port.shape for port in ports], axis, labels(ports))
    return first[:axis] + (sum(port.shape[axis] for port in ports),) + first[axis + 1 :]
