"""What goes in and out: checkpoints; and the Processes through which data enters and leaves."""

from lava_torch.io import checkpoint
from lava_torch.io.checkpoint import CheckpointError
from lava_torch.proc.io import *  # noqa: F403 - `lt.io.source` is where users look for it

__all__ = ["CheckpointError", "checkpoint", "sink", "source"]  # noqa: F405
