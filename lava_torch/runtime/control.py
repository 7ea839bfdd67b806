"""How a run is asked to end, from any thread."""

from __future__ import annotations

from lava_torch.kernels.table import Control

__all__ = ["Control"]
