"""The error of checkpoints."""

from __future__ import annotations


class CheckpointError(ValueError):
    """Something cannot be saved, or a checkpoint cannot be loaded; the message says why."""
