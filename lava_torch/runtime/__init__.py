"""Stepping a network: runs, pauses, Var access, errors."""

from lava_torch.core.engine import register_engine
from lava_torch.runtime.engine import TorchEngine
from lava_torch.runtime.executable import Executable
from lava_torch.runtime.runtime import Runtime
from lava_torch.runtime.steppers import STEPPERS, make_stepper
from lava_torch.runtime.steppers.base import Stepper

register_engine(TorchEngine())

__all__ = ["STEPPERS", "Executable", "Runtime", "Stepper", "TorchEngine", "make_stepper"]
