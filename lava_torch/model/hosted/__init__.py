"""Models in plain Python and numpy, which run beside compiled ones."""

from lava_torch.model.hosted.models import (
    AbstractPyProcessModel,
    PyAsyncProcessModel,
    PyLoihiModelToPyAsyncModel,
    PyLoihiProcessModel,
)
from lava_torch.model.hosted.neuron import (
    LearningNeuronModel,
    LearningNeuronModelFixed,
    LearningNeuronModelFloat,
)
from lava_torch.model.hosted.ports import (
    AbstractPyPort,
    PyInPort,
    PyInPortScalarDense,
    PyInPortScalarSparse,
    PyInPortVectorDense,
    PyInPortVectorSparse,
    PyOutPort,
    PyOutPortScalarDense,
    PyOutPortScalarSparse,
    PyOutPortVectorDense,
    PyOutPortVectorSparse,
    PyRefPort,
    PyRefPortVectorDense,
    PyVarPort,
    PyVarPortVectorDense,
)
from lava_torch.model.hosted.types import LavaPyType

__all__ = [
    "AbstractPyPort",
    "AbstractPyProcessModel",
    "LavaPyType",
    "LearningNeuronModel",
    "LearningNeuronModelFixed",
    "LearningNeuronModelFloat",
    "PyAsyncProcessModel",
    "PyInPort",
    "PyInPortScalarDense",
    "PyInPortScalarSparse",
    "PyInPortVectorDense",
    "PyInPortVectorSparse",
    "PyLoihiModelToPyAsyncModel",
    "PyLoihiProcessModel",
    "PyOutPort",
    "PyOutPortScalarDense",
    "PyOutPortScalarSparse",
    "PyOutPortVectorDense",
    "PyOutPortVectorSparse",
    "PyRefPort",
    "PyRefPortVectorDense",
    "PyVarPort",
    "PyVarPortVectorDense",
]
