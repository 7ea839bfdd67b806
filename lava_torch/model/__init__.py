"""What a ProcessModel is: the behaviour of a Process, as one time step on tensors."""

from lava_torch.model.clock import Clock
from lava_torch.model.equation_model import EquationModel
from lava_torch.model.errors import VarInitError, VarValueError
from lava_torch.model.torch_model import Binding, TorchProcessModel
from lava_torch.model.view import View

__all__ = [
    "Binding",
    "Clock",
    "EquationModel",
    "TorchProcessModel",
    "VarInitError",
    "VarValueError",
    "View",
]
