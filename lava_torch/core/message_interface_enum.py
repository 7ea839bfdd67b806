"""How actors exchange messages."""

from __future__ import annotations

from enum import IntEnum


class ActorType(IntEnum):
    """Kinds of actors that Lava's runtime knows.

    Kept for scripts that name it: here a network is one module, and its Processes are not operating
    system processes.
    """

    MultiProcessing = 0
