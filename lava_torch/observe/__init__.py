"""Watching a network: Monitor, TensorBoard, plots."""

from lava_torch.observe.monitor import Monitor
from lava_torch.observe.tensorboard import TensorBoardLogger

__all__ = ["Monitor", "TensorBoardLogger"]
