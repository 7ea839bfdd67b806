"""Protocols that keep Processes in step, and the groups that use them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess


class Phase(IntEnum):
    """The phases of a time step under `LoihiProtocol`, in the order in which they run."""

    SPK = 1
    PRE_MGMT = 2
    LRN = 3
    POST_MGMT = 4
    HOST = 5


class PhaseMethod(NamedTuple):
    """A model's method for a phase, and the guard that says whether the phase is wanted."""

    guard: str | None
    func: str


class AbstractSyncProtocol:
    """Base of the protocols: `phases` run in order, each for all Processes of the group."""

    phases: ClassVar[list[Phase]] = []
    proc_functions: ClassVar[list[PhaseMethod]] = []


class LoihiProtocol(AbstractSyncProtocol):
    """Time steps in the phases of a Loihi chip.

    Each phase runs for all Processes before the next begins. The spiking phase runs in every step;
    pre-management where some model wants it and learning, learning where some `lrn_guard()` is
    true, post-management where some `post_guard()` is true. The host phase is not part of a step.
    """

    phases = [Phase.SPK, Phase.PRE_MGMT, Phase.LRN, Phase.POST_MGMT, Phase.HOST]
    proc_functions = [
        PhaseMethod("pre_guard", "run_pre_mgmt"),
        PhaseMethod("lrn_guard", "run_lrn"),
        PhaseMethod("post_guard", "run_post_mgmt"),
        PhaseMethod("host_guard", "run_host_mgmt"),
        PhaseMethod(None, "run_spk"),
    ]


class AsyncProtocol(AbstractSyncProtocol):
    """No phases: each model's `run_async()` runs at its own speed."""


class SyncDomain:
    """A group of Processes that share a protocol.

    Parameters
    ----------
    name : the group's name.
    protocol : an instance of an AbstractSyncProtocol.
    processes : its Processes; more can be added.
    """

    def __init__(
        self,
        name: str,
        protocol: AbstractSyncProtocol | None = None,
        processes: list[AbstractProcess] | None = None,
    ) -> None:
        self.name = name
        self.protocol = protocol
        self.processes: list[AbstractProcess] = [] if processes is None else processes

    def set_protocol(self, protocol: AbstractSyncProtocol) -> None:
        """Replace the protocol; AssertionError unless it is an instance of AbstractSyncProtocol."""
        if not isinstance(protocol, AbstractSyncProtocol):
            raise AssertionError(
                f"The protocol of SyncDomain '{self.name}' must be an instance of "
                f"AbstractSyncProtocol; got {protocol!r}."
            )
        self.protocol = protocol

    def add_process(self, process: AbstractProcess | Iterable[AbstractProcess]) -> None:
        """Add one Process or several."""
        self.processes += list(process) if isinstance(process, Iterable) else [process]
