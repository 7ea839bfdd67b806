"""Checkpoints that are written while a network runs."""

from __future__ import annotations

from pathlib import Path

from lava_torch.compiler import Network
from lava_torch.core.checkpoints import Path as AnyPath
from lava_torch.core.process import AbstractProcess
from lava_torch.io.checkpoint.describe import Description
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.folder import (
    check_is_ours,
    checked_every,
    file_of,
    make_folder,
    remove_old,
)
from lava_torch.io.checkpoint.state import describe_state
from lava_torch.io.checkpoint.system import Form, setup_of, write


class FolderRhythm:
    """Writes to a folder at every time step that is a multiple of `every`.

    What the Processes are is noted when a run begins; the state, when it is written.

    Raises ValueError or TypeError for options that are wrong.
    """

    def __init__(self, process: AbstractProcess, every: int | None, folder: AnyPath | None) -> None:
        if every is None or folder is None:
            raise ValueError(
                f"run() of Process '{process.name}' needs both checkpoint_every and checkpoint; "
                f"got checkpoint_every={every!r}, checkpoint={folder!r}."
            )
        self.every = checked_every(every)
        self._process, self._folder = process, Path(folder)

    def begin(self, network: Network) -> None:
        """Make the folder; CheckpointError if the network cannot be saved, or not there."""
        _check_between_steps(network)
        self._description = Description([self._process], setup_of(self._process, network))
        describe_state(network, self._description.encoder())
        make_folder(self._folder)
        check_is_ours(self._folder, int(network.clock.time_step))

    def write(self, network: Network) -> None:
        time_step = int(network.clock.time_step)
        write(self._description, network, file_of(self._folder, time_step), Form(self._process))
        remove_old(self._folder, time_step)


def _check_between_steps(network: Network) -> None:
    """Asynchronous models are somewhere in their `run_async` when others are between steps."""
    hosted = {} if network.hosting is None else network.hosting.models
    for name, model in hosted.items():
        if model.is_async:
            raise CheckpointError(
                f"Process '{name}' has the asynchronous model {model.model_class.__name__}, which "
                "cannot be saved while it runs: leave checkpoint_every out, and save() between "
                "runs."
            )
