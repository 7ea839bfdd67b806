"""What scripts ask about Loihi chips, of which lava_torch has none: they then take the branch that
simulates."""

from __future__ import annotations

import importlib.util
from enum import Enum
from typing import NoReturn

#: How the chip is reached: it is not.
host: str | None = None


class ChipGeneration(Enum):
    """Generations of Loihi 2."""

    N3B2 = "N3B2"
    N3B3 = "N3B3"
    N3C1 = "N3C1"


class Loihi2:
    """Whether there is a Loihi 2, and in which partition of a cluster."""

    preferred_partition: str | None = None
    partition: str | None = None
    is_loihi2_available = False


def is_installed(module_name: str | None = None) -> bool:
    """Whether a module can be imported; None: Loihi's compiler, which lava_torch does not have."""
    return module_name is not None and importlib.util.find_spec(module_name) is not None


def use_slurm_host(
    partition: str | None = None,
    board: str | None = None,
    loihi_gen: ChipGeneration | None = ChipGeneration.N3B3,
) -> NoReturn:
    """Raises ImportError, as in a Lava without Loihi's compiler; see `is_installed`."""
    raise ImportError(_refusal("use_slurm_host"))


def use_ethernet_host(
    host_address: str,
    host_binary_path: str | None = None,
    loihi_gen: ChipGeneration | None = ChipGeneration.N3B3,
) -> NoReturn:
    """Raises ImportError, as in a Lava without Loihi's compiler; see `is_installed`."""
    raise ImportError(_refusal("use_ethernet_host"))


def _refusal(function: str) -> str:
    return (
        f"{function}() is for Loihi chips, which lava_torch does not run on: it simulates. Call it "
        "only if loihi.is_installed(), and run with Loihi2SimCfg."
    )
