"""What a stepper is: the seam between a compiled network and the way its steps are executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from lava_torch.compiler.network import Network
from lava_torch.runtime.control import Control


class Stepper(ABC):
    """Advances a network. All steppers give the same results."""

    #: What `run_cfg.stepper` calls it.
    name: ClassVar[str]
    #: The most steps that it is asked for at once: between two calls signals are handled.
    chunk: ClassVar[int] = 1000
    #: Whether an exception of a model leaves the state of the last finished step.
    transactional: ClassVar[bool] = True
    #: Whether a model asked, in the last call of `advance`, that the network be stopped.
    stop_asked: bool = False

    def __init__(self, network: Network) -> None:
        self.network = network

    @classmethod
    @abstractmethod
    def obstacle(cls, network: Network) -> str | None:
        """Why this stepper cannot run `network`, in words; None if it can."""

    def begin_run(self, steps: int | None) -> None:  # noqa: B027 (most have nothing to begin)
        """Called when a run begins: of so many steps, in one call of `advance` or in several; None:
        without an end."""

    @abstractmethod
    def advance(self, steps: int, control: Control) -> int:
        """Run up to `steps` steps, fewer if `control` is requested; return how many were run.

        An exception of a model leaves the state of the last finished step, if `transactional`; the
        network's `position` then names the Process and the phase.
        """

    def settle(self) -> None:  # noqa: B027 (most leave nothing open)
        """Called when a run has ended well, and before a checkpoint is written within one."""

    def end_run(self) -> None:  # noqa: B027 (most have nothing to end)
        """Called when the run that `advance` was called for is over, however it ended."""
