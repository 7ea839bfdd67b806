"""Errors of the compiler, raised before anything runs; and where a network was when one came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lava_torch.compiler.network import Network


class CompileError(ValueError):
    """A network cannot be compiled as it is."""


class CycleError(CompileError):
    """Models wait for each other within a step: no buffered connection breaks the cycle."""


class DeviceUnavailableError(CompileError, RuntimeError):
    """The run config names a device that this machine does not have."""


@contextmanager
def placed(network: Network, when: str) -> Iterator[None]:
    """Errors that come within it get a note of the Process and the phase that the network is at."""
    try:
        yield
    except Exception as error:
        if network.position is not None:
            name, phase = network.position
            error.add_note(f"In Process '{name}', {phase} phase, {when}.")
        raise
