"""A folder of checkpoints that a run writes, of which the newest two are kept."""

from __future__ import annotations

import operator
import re
from pathlib import Path

from lava_torch.io.checkpoint import container
from lava_torch.io.checkpoint.errors import CheckpointError

KEPT = 2
_NAME = re.compile(r"step-(\d{9,})\.safetensors")


def file_of(folder: Path, time_step: int) -> Path:
    return folder / f"step-{time_step:09d}.safetensors"


def step_of(file: Path) -> int:
    """The time step that a checkpoint was written at; -1 for another file."""
    match = _NAME.fullmatch(file.name)
    return int(match[1]) if match else -1


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the newest last."""
    return sorted((file for file in folder.iterdir() if step_of(file) >= 0), key=step_of)


def checked_every(every: int) -> int:
    """TypeError unless it is a whole number, ValueError unless it is 1 or more."""
    try:
        steps = operator.index(every)
    except TypeError:
        steps = None
    if steps is None or isinstance(every, bool):
        raise TypeError(f"checkpoint_every must be a whole number of steps; got {every!r}.")
    if steps < 1:
        raise ValueError(f"checkpoint_every must be 1 or more; got {steps}.")
    return steps


def make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"checkpoint='{folder}' is a file: give a folder.")
    folder.mkdir(parents=True, exist_ok=True)


def check_is_ours(folder: Path, time_step: int) -> None:
    """Refuse a folder in which what is written next would not be the newest checkpoint."""
    for file in checkpoints_in(folder):
        if step_of(file) <= time_step:
            continue
        try:
            container.read(file)
        except CheckpointError:
            continue  # this run will write over it, or remove it
        raise CheckpointError(
            f"'{folder}' holds '{file.name}', but this network is at time step {time_step}: "
            f"load('{folder}') to go on from there, or give an empty folder."
        )


def remove_old(folder: Path, time_step: int) -> None:
    """Keep the newest up to `time_step`, and nothing that a crash has left."""
    files = checkpoints_in(folder)
    later = [file for file in files if step_of(file) > time_step]
    for file in [*files[: len(files) - len(later)][:-KEPT], *later]:
        file.unlink(missing_ok=True)
    for file in folder.glob(".step-*.safetensors.partial"):
        file.unlink(missing_ok=True)
