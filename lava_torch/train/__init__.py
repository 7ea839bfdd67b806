"""Training: surrogate gradients, quantization-aware training, deployment as Processes."""

from lava_torch.train import surrogate
from lava_torch.train.conversion import CONVERTERS, Converted, Converter, converter
from lava_torch.train.deploy import DeployError, Deployment, deploy, quantize

__all__ = [
    "CONVERTERS",
    "Converted",
    "Converter",
    "DeployError",
    "Deployment",
    "converter",
    "deploy",
    "quantize",
    "surrogate",
]
