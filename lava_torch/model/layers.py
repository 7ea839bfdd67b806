"""How a model says what it does in many time steps at once, beside saying it for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from lava_torch.model.rows import Method, rows_of, unchanged

if TYPE_CHECKING:
    from lava_torch.model.torch_model import TorchProcessModel

#: What a model may do within a step.
PHASES = ("step", "emit", "absorb", "learn", "manage")


class Layer(Protocol):
    """What a model's `layer` method is given: its inputs over `steps` steps, the first of which has
    the number `first`.

    A sequence is (steps, batch, size), or (steps, 1, size) where all items of a batch share it.
    Within `layer` state is assigned, as in a step: what it becomes after the last of the steps.
    """

    first: int
    steps: int
    #: Items of the batch; 1 without a batch axis.
    batch: int
    #: The Vars of the model that are recorded: it gives `trace` the trajectory of each.
    traced: frozenset[str]
    #: Whether a network is unrolled: what is sent has the dtype that a step gives it, and is not
    #: packed into bytes.
    unrolled: bool
    #: Whether gradients are to flow through what is sent and traced; the state after the last step
    #: is then not needed.
    differentiable: bool

    def messages(self, port: str) -> list[Tensor]:
        """The contiguous sequences that arrive at an InPort, to be summed; spikes may be bytes.
        Empty where nothing is sent."""

    def whole(self, port: str) -> Tensor:
        """The sum of these, (steps, batch, size): a message as it is if there is one of a dtype
        that the model can read, else in the compute dtype."""

    def spikes(self, port: str) -> bool:
        """Whether `whole` is known to be 0 or 1: one message of spikes."""

    def read(self, ref_port: str) -> Tensor:
        """The Var behind a RefPort after each step: (steps, *shape), with the batch axis behind the
        first; or (1, *shape), for one that no step changes."""

    def send(self, port: str, sequence: Tensor) -> None:
        """Send a sequence from an OutPort."""

    def trace(self, var: str, trajectory: Tensor) -> None:
        """What a Var is after each step: (steps, batch, size)."""

    def record(self, rows: Tensor, sequence: Tensor) -> None:
        """Write (steps or 1, ...) into rows (t - 1) % len(rows) of a record, if all goes well."""


def layer_of(*methods: str) -> Callable[[Method], Method]:
    """Marks `layer` as saying the same as these methods together.

    A subclass that overrides or adds one of them, but not `layer`, is stepped.
    """
    return rows_of(*methods)


def has_layer(model: TorchProcessModel) -> bool:
    """Whether a model has a `layer` that says all that its class does in a step."""
    mirrored = unchanged(model, "layer", PHASES)
    defined = [m for m in PHASES if callable(getattr(model, m, None))]
    if mirrored is None or not set(defined) <= set(mirrored):
        return False
    # What a class has changed that its rows are made of, its layer does not know either.
    rows = [f"{m}_rows" for m in defined if hasattr(model, f"{m}_rows")]
    return all(unchanged(model, name, ()) is not None for name in rows)


def flat_sequence(x: Tensor, steps: int, batch: int) -> Tensor:
    """(steps, [batch,] *shape) as a contiguous (steps, batch, size)."""
    return x.reshape(steps, batch, x.numel() // (steps * batch)).contiguous()
