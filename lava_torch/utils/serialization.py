"""`save` and `load` where Lava has them; see `lava_torch.io.serialization`."""

from lava_torch.io.serialization import load, save

__all__ = ["load", "save"]
