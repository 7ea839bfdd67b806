"""What the Process API asks of the room that writes checkpoints, which registers itself here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess

Path = str | os.PathLike[str]


class Rhythm(Protocol):
    """When a run writes checkpoints, and where to.

    Attributes
    ----------
    every : they are written at the time steps that are multiples of it.
    """

    every: int

    def begin(self, network: Any) -> None:
        """Called before the run: raise here what would make `write` fail."""

    def write(self, network: Any) -> None:
        """Write a checkpoint of the network as it stands, between two steps."""


class Checkpoints(Protocol):
    """Writes and reads checkpoints."""

    def save(self, process: AbstractProcess, path: Path) -> None:
        """Save all that `process` is connected with."""

    def load(self, path: Path, classes: Iterable[type], device: Any) -> AbstractProcess:
        """The Process that was saved, made again."""

    def rhythm(self, process: AbstractProcess, every: int | None, folder: Path | None) -> Rhythm:
        """What writes checkpoints of a run; ValueError or TypeError for options that are wrong."""


_registered: list[Checkpoints] = []


def register_checkpoints(checkpoints: Checkpoints) -> None:
    """Make `checkpoints` what Processes use."""
    _registered[:] = [checkpoints]


def get_checkpoints() -> Checkpoints:
    """What is registered; RuntimeError if nothing is."""
    if not _registered:
        raise RuntimeError("Nothing here can write checkpoints: import lava_torch first.")
    return _registered[0]
