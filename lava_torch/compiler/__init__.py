"""From a graph of Processes to a torch.nn.Module."""

from lava_torch.compiler.compile import compile
from lava_torch.compiler.errors import CompileError, CycleError, DeviceUnavailableError
from lava_torch.compiler.network import Network
from lava_torch.compiler.selection import find_models, select_model

__all__ = [
    "CompileError",
    "CycleError",
    "DeviceUnavailableError",
    "Network",
    "compile",
    "find_models",
    "select_model",
]
