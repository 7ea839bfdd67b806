"""lava_torch: Intel Lava's Process API as a PyTorch backend.

Build a network of Processes, run it on a CPU or a GPU, in floating point or in Loihi's exact fixed
point; or compile it into a `torch.nn.Module`, train that by surrogate gradient, and deploy it.

    import lava_torch as lt
"""

from lava_torch import connectivity, io
from lava_torch.compiler import (
    CompileError,
    CycleError,
    DeviceUnavailableError,
    Network,
    compile,
)
from lava_torch.core import (
    CPU,
    GPU,
    AbstractProcess,
    AbstractSubProcessModel,
    AsyncProtocol,
    InPort,
    LogConfig,
    Loihi1SimCfg,
    Loihi2SimCfg,
    LoihiProtocol,
    OutPort,
    RefPort,
    RunConfig,
    RunContinuous,
    RunOptions,
    RunSteps,
    Var,
    VarPort,
    implements,
    requires,
    tag,
)
from lava_torch.io import CheckpointError
from lava_torch.kernels.equation import Equation, EquationError, equation
from lava_torch.kernels.spike import CSR
from lava_torch.learning import (
    GradedSpikeCfg,
    Loihi2FLearningRule,
    Loihi3FLearningRule,
    LoihiLearningRule,
    RewardModulatedSTDP,
    RuleError,
    STDPLoihi,
)
from lava_torch.model import EquationModel, TorchProcessModel, VarInitError, VarValueError
from lava_torch.model.hosted import (
    LavaPyType,
    PyAsyncProcessModel,
    PyInPort,
    PyLoihiModelToPyAsyncModel,
    PyLoihiProcessModel,
    PyOutPort,
    PyRefPort,
    PyVarPort,
)
from lava_torch.observe import Monitor, TensorBoardLogger
from lava_torch.proc.atrlif.process import ATRLIF
from lava_torch.proc.conv.learning import LearningConv
from lava_torch.proc.conv.process import Conv
from lava_torch.proc.conv_in_time.process import ConvInTime
from lava_torch.proc.dense.learning import LearningDelayDense, LearningDense
from lava_torch.proc.dense.process import DelayDense, Dense
from lava_torch.proc.graded.process import GradedReluVec, GradedVec, NormVecDelay
from lava_torch.proc.lif.learning import LearningLIF
from lava_torch.proc.lif.process import LIF, LIFRefractory, LIFReset, TernaryLIF
from lava_torch.proc.prodneuron.process import ProdNeuron
from lava_torch.proc.resfire.process import RFZero
from lava_torch.proc.rf.process import RF
from lava_torch.proc.rf_iz.process import RF_IZ
from lava_torch.proc.sdn.process import ActivationMode, Delta, Sigma, SigmaDelta
from lava_torch.proc.sparse.learning import LearningDelaySparse, LearningSparse
from lava_torch.proc.sparse.process import DelaySparse, Sparse
from lava_torch.proc.spiker.process import Spiker
from lava_torch.runtime import Executable, Runtime
from lava_torch.train import Deployment, deploy, quantize, surrogate
from lava_torch.utils.weightutils import SignMode

__version__ = "0.1.0"

__all__ = [
    "ActivationMode",
    "ConvInTime",
    "Delta",
    "GradedReluVec",
    "GradedVec",
    "LIFRefractory",
    "LIFReset",
    "NormVecDelay",
    "ProdNeuron",
    "RF",
    "RFZero",
    "RF_IZ",
    "Sigma",
    "SigmaDelta",
    "Spiker",
    "AsyncProtocol",
    "LavaPyType",
    "PyAsyncProcessModel",
    "PyInPort",
    "PyLoihiModelToPyAsyncModel",
    "PyLoihiProcessModel",
    "PyOutPort",
    "PyRefPort",
    "PyVarPort",
    "LearningConv",
    "LearningSparse",
    "LearningDelaySparse",
    "LearningLIF",
    "LearningDense",
    "LearningDelayDense",
    "STDPLoihi",
    "RuleError",
    "RewardModulatedSTDP",
    "LoihiLearningRule",
    "Loihi3FLearningRule",
    "Loihi2FLearningRule",
    "GradedSpikeCfg",
    "ATRLIF",
    "CPU",
    "CSR",
    "GPU",
    "LIF",
    "AbstractProcess",
    "AbstractSubProcessModel",
    "CheckpointError",
    "CompileError",
    "Conv",
    "CycleError",
    "DelayDense",
    "DelaySparse",
    "Dense",
    "Deployment",
    "DeviceUnavailableError",
    "Equation",
    "EquationError",
    "EquationModel",
    "Executable",
    "InPort",
    "LogConfig",
    "Loihi1SimCfg",
    "Loihi2SimCfg",
    "LoihiProtocol",
    "Monitor",
    "Network",
    "OutPort",
    "RefPort",
    "RunConfig",
    "RunContinuous",
    "RunOptions",
    "RunSteps",
    "Runtime",
    "SignMode",
    "Sparse",
    "TensorBoardLogger",
    "TernaryLIF",
    "TorchProcessModel",
    "Var",
    "VarInitError",
    "VarPort",
    "VarValueError",
    "compile",
    "connectivity",
    "deploy",
    "equation",
    "implements",
    "io",
    "quantize",
    "requires",
    "surrogate",
    "tag",
]
