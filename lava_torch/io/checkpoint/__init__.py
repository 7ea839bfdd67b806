"""Checkpoints: a system of Processes in a file, and the runs that go on from there.

    lif.save("network.safetensors")
    lif = lt.LIF.load("network.safetensors")        # the same Process, anew, with all that it is
    lif.run(lt.RunSteps(100))                       # connected with, at the time step that it had

    lif.run(lt.RunSteps(10**6), run_cfg=cfg, checkpoint_every=10_000, checkpoint="folder")
    lif = lt.LIF.load("folder")                     # after a crash

A checkpoint holds the Processes (classes, arguments, names, Vars, ports, connections), the run
config and, if the network runs, its state: every buffer and parameter, strings, the time step, and
what a model keeps besides (`get_extra_state`, `get_hidden`). A run goes on bit by bit, on the
same kind of device. Probes of a TensorBoardLogger are left out. A Process that is changed by more
than its constructor, its Vars and its connections says how in `get_extra_state()`, and takes it in
`set_extra_state(state)`.

The file is a safetensors file (`lava_torch.io.checkpoint.container`): the arrays are there for any
program, the rest is JSON under checksums. Loading runs no code of the file: classes are those that
lava_torch has, that are imported already, or that are given as `classes=`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lava_torch.core.checkpoints import Path, register_checkpoints
from lava_torch.core.process import AbstractProcess
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.rhythm import FolderRhythm
from lava_torch.io.checkpoint.system import System, load, save

__all__ = ["CheckpointError", "System", "load", "save"]


class _Checkpoints:
    """What `AbstractProcess.save`, `load` and `run` call."""

    def save(self, process: AbstractProcess, path: Path) -> None:
        save(process, path)

    def load(self, path: Path, classes: Iterable[type], device: Any) -> AbstractProcess:
        return load(path, classes=classes, device=device).process

    def rhythm(
        self, process: AbstractProcess, every: int | None, folder: Path | None
    ) -> FolderRhythm:
        return FolderRhythm(process, every, folder)


register_checkpoints(_Checkpoints())
