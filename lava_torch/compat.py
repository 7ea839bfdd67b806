"""Lava's import paths: after `install()`, `import lava...` gives lava_torch's classes.

    from lava_torch import compat
    compat.install()
    from lava.proc.lif.process import LIF  # lava_torch.LIF

The paths are those of Lava 0.10 (https://github.com/lava-nc/lava). What lava_torch does not have
yet raises an ImportError that says so; what Lava does not have either raises the ordinary one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["TABLE", "LavaConflictError", "NotServedError", "install", "uninstall"]

_CORE = "lava_torch.core"
_LEARNING = "lava_torch.learning"
_HOSTED = "lava_torch.model.hosted"
NOT_YET = "not yet"


def _whole(package: str, modules: str) -> dict[str, dict[str, str]]:
    """Modules of which lava_torch has nothing."""
    return {f"{package}.{module}": {NOT_YET: ""} for module in modules.split()}


#: Lava's modules: where lava_torch has their names ("Lava's=ours" where they differ), and under
#: NOT_YET those that it does not have. The parents of these paths are packages.
TABLE: dict[str, dict[str, str]] = {
    **_whole(
        "lava",
        "frameworks.loihi2 magma.core.learning.string_symbols utils.slurm",
    ),
    **_whole(
        "lava.magma.compiler",
        "builders.channel_builder builders.interfaces builders.py_builder "
        "builders.runtimeservice_builder channel_map channels.interfaces "
        "channels.pypychannel channels.watchdog compiler_utils mappable_interface "
        "mapper node subcompilers.address subcompilers.channel_builders_factory "
        "subcompilers.channel_map_updater subcompilers.constants "
        "subcompilers.exceptions subcompilers.interfaces "
        "subcompilers.py.pyproc_compiler utils var_model",
    ),
    **_whole(
        "lava.magma.runtime",
        "message_infrastructure.factory "
        "message_infrastructure.message_infrastructure_interface "
        "message_infrastructure.multiprocessing message_infrastructure.nx "
        "message_infrastructure.shared_memory_manager mgmt_token_enums "
        "runtime_services.channel_broker.channel_broker runtime_services.enums "
        "runtime_services.interfaces runtime_services.runtime_service",
    ),
    "lava.magma.compiler.compiler": {_CORE: "Compiler"},
    "lava.magma.compiler.compiler_graphs": {
        _CORE: "find_processes",
        NOT_YET: "ProcMap ProcGroup ProcessModelTypes NodeAnnotation annotate_folded_view "
        "flatten_list_itertools flatten_list_recursive DiGraphBase ProcDiGraph "
        "AbstractProcGroupDiGraphs ProcGroupDiGraphs",
    },
    "lava.magma.compiler.exceptions": {_CORE: "NoProcessModelFound ProcessAlreadyCompiled"},
    "lava.magma.compiler.executable": {"lava_torch.runtime": "Executable"},
    "lava.magma.core.callback_fx": {NOT_YET: "CallbackFx NxSdkCallbackFx IterableCallBack"},
    "lava.magma.core.decorator": {_CORE: "implements requires tag"},
    "lava.magma.core.learning.constants": {_LEARNING: "GradedSpikeCfg"},
    "lava.magma.core.learning.learning_rule": {
        _LEARNING: "LoihiLearningRule Loihi2FLearningRule Loihi3FLearningRule"
    },
    "lava.magma.core.learning.learning_rule_applier": {
        NOT_YET: "AbstractLearningRuleApplier LearningRuleApplierFloat LearningRuleApplierBitApprox"
    },
    "lava.magma.core.learning.product_series": {_LEARNING: "Factor Product ProductSeries"},
    "lava.magma.core.learning.random": {NOT_YET: "TraceRandom ConnVarRandom"},
    "lava.magma.core.learning.symbolic_equation": {NOT_YET: "SymbolicEquation"},
    "lava.magma.core.learning.utils": {
        _LEARNING: "float_to_literal stochastic_round apply_mask",
    },
    "lava.magma.core.model.interfaces": {NOT_YET: "AbstractPortImplementation"},
    "lava.magma.core.model.model": {_CORE: "AbstractProcessModel"},
    "lava.magma.core.model.py.connection": {
        NOT_YET: "AbstractLearningConnection PyLearningConnection LearningConnectionModelFloat "
        "LearningConnectionModelBitApproximate"
    },
    "lava.magma.core.model.py.model": {
        _HOSTED: "AbstractPyProcessModel PyLoihiProcessModel PyAsyncProcessModel "
        "PyLoihiModelToPyAsyncModel"
    },
    "lava.magma.core.model.py.neuron": {
        _HOSTED: "LearningNeuronModel LearningNeuronModelFloat LearningNeuronModelFixed"
    },
    "lava.magma.core.model.py.ports": {
        _HOSTED: "AbstractPyPort PyInPort PyInPortVectorDense PyInPortVectorSparse "
        "PyInPortScalarDense PyInPortScalarSparse PyOutPort PyOutPortVectorDense "
        "PyOutPortVectorSparse PyOutPortScalarDense PyOutPortScalarSparse PyRefPort "
        "PyRefPortVectorDense PyVarPort PyVarPortVectorDense"
    },
    "lava.magma.core.model.py.type": {_HOSTED: "LavaPyType"},
    "lava.magma.core.model.spike_type": {NOT_YET: "SpikeType"},
    "lava.magma.core.model.sub.model": {_CORE: "AbstractSubProcessModel"},
    "lava.magma.core.process.connection": {_CORE: "LearningConnectionProcess"},
    "lava.magma.core.process.interfaces": {_CORE: "AbstractProcessMember IdGeneratorSingleton"},
    "lava.magma.core.process.message_interface_enum": {_CORE: "ActorType"},
    "lava.magma.core.process.neuron": {_CORE: "LearningNeuronProcess"},
    "lava.magma.core.process.ports.connection_config": {
        _CORE: "ConnectionConfig SpikeIOInterface SpikeIOMode SpikeIOPort"
    },
    "lava.magma.core.process.ports.exceptions": {
        _CORE: "ConcatIndexError ConcatShapeError DuplicateConnectionError ReshapeError "
        "TransposeIndexError TransposeShapeError VarNotSharableError"
    },
    "lava.magma.core.process.ports.ports": {
        _CORE: "AbstractPort AbstractIOPort AbstractRVPort AbstractSrcPort AbstractDstPort InPort "
        "OutPort RefPort VarPort ImplicitVarPort AbstractVirtualPort ReshapePort ConcatPort "
        "TransposePort",
        "lava_torch.core.port_base": "ConnectionConfigs create_port_id to_list",
        NOT_YET: "is_disjoint",
    },
    "lava.magma.core.process.ports.reduce_ops": {_CORE: "AbstractReduceOp ReduceSum"},
    "lava.magma.core.process.process": {
        _CORE: "AbstractProcess Collection LogConfig ProcessParameters ProcessPostInitCaller "
        "ProcessServer"
    },
    "lava.magma.core.process.variable": {_CORE: "Var VarServer"},
    "lava.magma.core.resources": {
        _CORE: "AbstractResource AbstractComputeResource CPU HostCPU GPU ECPU LMT PB NeuroCore "
        "Loihi1NeuroCore Loihi2NeuroCore AbstractPeripheralResource DVS HardDrive "
        "HeadNodeHardDrive AbstractNode GenericNode HeadNode Loihi1System KapohoBay Nahuku Pohoiki "
        "Loihi2System OheoGulch KapohoPoint Unalaska"
    },
    "lava.magma.core.run_conditions": {_CORE: "AbstractRunCondition RunContinuous RunSteps"},
    "lava.magma.core.run_configs": {
        "lava_torch.core.run_configs": "RunConfig AbstractLoihiRunCfg AbstractLoihiSimRunCfg "
        "AbstractLoihiHWRunCfg Loihi1SimCfg Loihi1HwCfg Loihi2SimCfg Loihi2HwCfg",
    },
    "lava.magma.core.sync.domain": {_CORE: "SyncDomain"},
    "lava.magma.core.sync.protocol": {_CORE: "AbstractSyncProtocol"},
    "lava.magma.core.sync.protocols.async_protocol": {_CORE: "AsyncProtocol"},
    "lava.magma.core.sync.protocols.loihi_protocol": {
        _CORE: "LoihiProtocol Phase Proc_Function_With_Guard=PhaseMethod"
    },
    "lava.magma.runtime.runtime": {"lava_torch.runtime": "Runtime"},
    "lava.networks.gradedvecnetwork": {
        NOT_YET: "InputVec OutputVec LIFVec GradedVec ProductVec GradedDense GradedSparse "
        "NormalizeNet"
    },
    "lava.networks.network": {NOT_YET: "NetworkList Network AlgebraicVector AlgebraicMatrix"},
    "lava.networks.resfire": {NOT_YET: "ResFireVec"},
    "lava.proc.atrlif.models": {
        "lava_torch.proc.atrlif.models": "PyATRLIFModelFloat=ATRLIFModelFloat "
        "PyATRLIFModelFixed=ATRLIFModelFixed"
    },
    "lava.proc.atrlif.process": {"lava_torch.proc.atrlif.process": "ATRLIF"},
    "lava.proc.bit_check.models": {NOT_YET: "AbstractPyBitCheckModel LoihiBitCheckModel"},
    "lava.proc.bit_check.process": {NOT_YET: "BitCheck"},
    "lava.proc.clp.id_broadcast.models": {NOT_YET: "IdBroadcastModel"},
    "lava.proc.clp.id_broadcast.process": {NOT_YET: "IdBroadcast"},
    "lava.proc.clp.novelty_detector.models": {NOT_YET: "PyNoveltyDetectorModel"},
    "lava.proc.clp.novelty_detector.process": {NOT_YET: "NoveltyDetector"},
    "lava.proc.clp.nsm.models": {NOT_YET: "PyReadoutModel PyAllocatorModel"},
    "lava.proc.clp.nsm.process": {NOT_YET: "Readout Allocator"},
    "lava.proc.clp.prototype_lif.models": {NOT_YET: "PrototypeLIFBitAcc"},
    "lava.proc.clp.prototype_lif.process": {NOT_YET: "PrototypeLIF"},
    "lava.proc.conv.models": {
        "lava_torch.proc.conv.models": "PyConvModelFloat=ConvModelFloat "
        "PyConvModelFixed=ConvModelFixed",
        NOT_YET: "AbstractPyConvModel",
    },
    "lava.proc.conv.process": {"lava_torch.proc.conv.process": "Conv"},
    "lava.proc.conv.utils": {
        "lava_torch.proc.conv.utils": "make_tuple signed_clamp output_shape",
        NOT_YET: "TensorOrder conv conv_scipy conv_to_sparse",
    },
    "lava.proc.conv_in_time.models": {
        "lava_torch.proc.conv_in_time.models": "PyConvInTimeFloat=ConvInTimeModelFloat "
        "PyConvInTimeFixed=ConvInTimeModelFixed",
        NOT_YET: "AbstractPyConvInTimeModel",
    },
    "lava.proc.conv_in_time.process": {"lava_torch.proc.conv_in_time.process": "ConvInTime"},
    "lava.proc.dense.models": {
        "lava_torch.proc.dense.numpy_models": "AbstractPyDenseModelFloat "
        "AbstractPyDenseModelBitAcc AbstractPyDelayDenseModel PyDenseModelFloat PyDenseModelBitAcc "
        "PyDelayDenseModelFloat PyDelayDenseModelBitAcc",
        "lava_torch.proc.dense.learning_models": "PyLearningDenseModelFloat="
        "LearningDenseModelFloat PyLearningDenseModelBitApproximate=LearningDenseModelFixed",
    },
    "lava.proc.dense.process": {
        "lava_torch.proc.dense.process": "Dense DelayDense",
        "lava_torch.proc.dense.learning": "LearningDense",
    },
    "lava.proc.graded.models": {
        "lava_torch.proc.graded.models": "PyGradedVecModelFixed=GradedVecModelFixed "
        "PyGradedReluVecModelFixed=GradedReluVecModelFixed "
        "NormVecDelayModel=NormVecDelayModelFixed",
        NOT_YET: "AbstractGradedVecModel AbstractGradedReluVecModel InvSqrtModelFloat "
        "InvSqrtModelFP make_fpinv_table clz inv_sqrt",
    },
    "lava.proc.graded.process": {
        "lava_torch.proc.graded.process": "GradedVec GradedReluVec NormVecDelay",
        NOT_YET: "InvSqrt loihi2round",
    },
    "lava.proc.io.dataloader": {
        NOT_YET: "AbstractDataloader StateDataloader SpikeDataloader AbstractPyDataloaderModel "
        "AbstractPyStateDataloaderModel AbstractPySpikeDataloaderModel PyStateModelFixed "
        "PyStateModelFloat PySpikeModelFixed PySpikeModelFloat"
    },
    "lava.proc.io.encoder": {
        NOT_YET: "Compression DeltaEncoder AbstractPyDeltaEncoderModel PyDeltaEncoderModelDense "
        "PyDeltaEncoderModelSparse"
    },
    "lava.proc.io.extractor": {
        NOT_YET: "Extractor VarWire PyLoihiExtractorModel PyLoihiExtractorModelAsync "
        "PyLoihiVarWireModel"
    },
    "lava.proc.io.injector": {NOT_YET: "Injector PyLoihiInjectorModel PyLoihiInjectorModelAsync"},
    "lava.proc.io.reset": {NOT_YET: "Reset AbstractPyReset PyResetFixed PyResetFloat"},
    "lava.proc.io.sink": {
        "lava_torch.proc.io.sink": "RingBuffer",
        "lava_torch.proc.io.models": "PyReceiveModelFloat=SinkModelFloat "
        "PyReceiveModelFixed=SinkModelFixed",
        NOT_YET: "AbstractPyReceiveModel Read AbstractPyRead PyReadFixed PyReadFloat",
    },
    "lava.proc.io.source": {
        "lava_torch.proc.io.source": "RingBuffer",
        "lava_torch.proc.io.models": "PySendModelFloat=SourceModelFloat "
        "PySendModelFixed=SourceModelFixed",
        NOT_YET: "AbstractPyRingBuffer",
    },
    "lava.proc.io.utils": {NOT_YET: "ChannelConfig SendFull ReceiveEmpty ReceiveNotEmpty"},
    "lava.proc.learning_rules.r_stdp_learning_rule": {_LEARNING: "RewardModulatedSTDP"},
    "lava.proc.learning_rules.stdp_learning_rule": {_LEARNING: "STDPLoihi"},
    "lava.proc.lif.models": {
        "lava_torch.proc.lif.numpy_models": "AbstractPyLifModelFloat AbstractPyLifModelFixed "
        "PyLifModelFloat PyLifModelBitAcc PyTernLifModelFloat PyTernLifModelFixed "
        "PyLearningLifModelFloat PyLearningLIFModelFixed",
        "lava_torch.proc.lif.models": "PyLifResetModelFloat=LIFResetModelFloat "
        "PyLifResetModelBitAcc=LIFResetModelFixed "
        "PyLifRefractoryModelFloat=LIFRefractoryModelFloat",
    },
    "lava.proc.lif.process": {
        "lava_torch.proc.lif.process": "AbstractLIF LIF TernaryLIF LIFReset LIFRefractory",
        "lava_torch.proc.lif.learning": "LearningLIF",
    },
    "lava.proc.monitor.models": {"lava_torch.observe.models": "PyMonitorModel=MonitorModel"},
    "lava.proc.monitor.process": {"lava_torch.observe": "Monitor"},
    "lava.proc.prodneuron.models": {
        "lava_torch.proc.prodneuron.models": "PyProdNeuronModelFixed=ProdNeuronModelFixed"
    },
    "lava.proc.prodneuron.process": {"lava_torch.proc.prodneuron.process": "ProdNeuron"},
    "lava.proc.receiver.models": {NOT_YET: "ReceiverModel"},
    "lava.proc.receiver.process": {NOT_YET: "Receiver Receiver32Bit"},
    "lava.proc.resfire.models": {
        "lava_torch.proc.resfire.models": "PyRFZeroModelFixed=RFZeroModelFixed"
    },
    "lava.proc.resfire.process": {"lava_torch.proc.resfire.process": "RFZero"},
    "lava.proc.rf.models": {
        "lava_torch.proc.rf.models": "PyRFModelFloat=RFModelFloat PyRFModelFixed=RFModelFixed",
        NOT_YET: "AbstractPyRFModelFloat AbstractPyRFModelFixed",
    },
    "lava.proc.rf.process": {"lava_torch.proc.rf.process": "RF"},
    "lava.proc.rf_iz.models": {
        "lava_torch.proc.rf_iz.models": "PyRF_IZModelFloat=RFIZModelFloat "
        "PyRF_IZModelFixed=RFIZModelFixed"
    },
    "lava.proc.rf_iz.process": {"lava_torch.proc.rf_iz.process": "RF_IZ"},
    "lava.proc.s4d.models": {
        NOT_YET: "S4dModel AbstractSigmaS4dDeltaModel PySigmaS4dDeltaModelFloat SubDenseLayerModel"
    },
    "lava.proc.s4d.process": {NOT_YET: "S4d SigmaS4dDelta SigmaS4dDeltaLayer"},
    "lava.proc.sdn.models": {
        "lava_torch.proc.sdn.models": "PySigmaModelFloat=SigmaModelFloat "
        "PySigmaModelFixed=SigmaModelFixed PyDeltaModelFloat=DeltaModelFloat "
        "PyDeltaModelFixed=DeltaModelFixed PySigmaDeltaModelFloat=SigmaDeltaModelFloat "
        "PySigmaDeltaModelFixed=SigmaDeltaModelFixed",
        NOT_YET: "ReLU AbstractSigmaModel AbstractDeltaModel AbstractSigmaDeltaModel "
        "PySigmaDeltaModelFixedCorrected",
    },
    "lava.proc.sdn.process": {
        "lava_torch.proc.sdn.process": "ActivationMode Sigma Delta SigmaDelta"
    },
    "lava.proc.sparse.models": {
        "lava_torch.proc.sparse.numpy_models": "AbstractPySparseModelFloat "
        "AbstractPySparseModelBitAcc AbstractPyDelaySparseModel PySparseModelFloat "
        "PySparseModelBitAcc PyDelaySparseModelFloat PyDelaySparseModelBitAcc",
        "lava_torch.proc.sparse.learning_models": "PyLearningSparseModelFloat="
        "LearningSparseModelFloat PyLearningSparseModelBitApproximate=LearningSparseModelFixed",
    },
    "lava.proc.sparse.process": {
        "lava_torch.proc.sparse.process": "Sparse DelaySparse",
        "lava_torch.proc.sparse.learning": "LearningSparse",
    },
    "lava.proc.spiker.models": {"lava_torch.proc.spiker.models": "SpikerModel"},
    "lava.proc.spiker.process": {
        "lava_torch.proc.spiker.process": "Spiker",
        NOT_YET: "Spiker32bit",
    },
    "lava.utils.dataloader.mnist": {"lava_torch.utils.mnist": "MnistDataset"},
    "lava.utils.loihi": {
        "lava_torch.utils.loihi": "host ChipGeneration use_slurm_host use_ethernet_host "
        "is_installed"
    },
    "lava.utils.plots": {"lava_torch.observe.plots": "raster_plot"},
    "lava.utils.profiler": {NOT_YET: "Profiler"},
    "lava.utils.serialization": {
        "lava_torch.io.serialization": "save load",
        NOT_YET: "SerializationObject",
    },
    "lava.utils.sparse": {"lava_torch.utils.sparse": "find"},
    "lava.utils.system": {"lava_torch.utils.loihi": "Loihi2"},
    "lava.utils.weightutils": {
        "lava_torch.utils.weightutils": "SignMode OptimizedWeights determine_sign_mode "
        "optimize_weight_bits truncate_weights clip_weights _determine_weight_exp "
        "_determine_num_weight_bits"
    },
}


class NotServedError(ImportError):
    """Something of Lava was imported that lava_torch does not have yet."""


class LavaConflictError(RuntimeError):
    """Another `lava` is imported already, and its classes do not mix with lava_torch's."""


def install() -> None:
    """Make `import lava...` give lava_torch's classes, from now on and in the whole interpreter.

    An installed Lava that is not imported yet is hidden. Calling this again changes nothing.

    Raises LavaConflictError (a RuntimeError) if another `lava` is imported already: its classes and
    lava_torch's cannot be used together.
    """
    if _finder in sys.meta_path:
        return
    for name, module in _imported():
        if not isinstance(module, _LavaModule):
            raise LavaConflictError(
                f"'{name}' is imported already, from {getattr(module, '__file__', None)}, and its "
                f"classes do not mix with lava_torch's. Call lava_torch.compat.install() in a new "
                f"interpreter, before anything imports lava."
            )
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undo `install()`: `import lava` finds what is installed. What was imported stays usable."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name, module in _imported():
        if isinstance(module, _LavaModule):
            del sys.modules[name]


def _imported() -> list[tuple[str, ModuleType | None]]:
    return [item for item in sys.modules.items() if item[0].partition(".")[0] == "lava"]


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition(".")[0]:
        yield path


_PACKAGES = frozenset(parent for path in TABLE for parent in _parents(path))
_SERVED = _PACKAGES | {path for path, names in TABLE.items() if set(names) != {NOT_YET}}


class _LavaModule(ModuleType):
    """A module under one of Lava's paths. Unlike Lava's, a package imports its parts on access."""

    def __getattr__(self, name: str) -> Any:
        path = f"{self.__name__}.{name}"
        if path in _SERVED:
            return importlib.import_module(path)
        raise AttributeError(
            _not_yet(path) or f"module '{self.__name__}' has no attribute '{name}'"
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})


class _Finder(MetaPathFinder, Loader):
    """Serves `lava` and all below it, so that an installed Lava can never be mixed in."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "lava":
            return None
        if fullname in _SERVED:
            # Each module is a package to Python, which then asks here for a name that a module
            # lacks: `from module import name` shows the message of no other exception.
            return ModuleSpec(fullname, self, origin=__name__, is_package=True)
        message = _not_yet(fullname)
        if message:
            raise NotServedError(message, name=fullname)
        raise ModuleNotFoundError(f"No module named '{fullname}'", name=fullname)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LavaModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        names = dict(_targets(module.__name__))
        for name, (home, ours) in names.items():
            setattr(module, name, getattr(importlib.import_module(home), ours))
        parts = {p.rpartition(".")[2] for p in _SERVED if p.rpartition(".")[0] == module.__name__}
        module.__all__ = sorted({n for n in names if not n.startswith("_")} | parts)


_finder = _Finder()


def _targets(path: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Lava's names in a module, each with our module and our name."""
    for home, names in TABLE.get(path, {}).items():
        for name in names.split() if home != NOT_YET else ():
            theirs, _, ours = name.partition("=")
            yield theirs, (home, ours or theirs)


def _not_yet(path: str) -> str | None:
    """What to say of a module or a name that only Lava has; None for what Lava has not either."""
    module, _, name = path.rpartition(".")
    missing = TABLE.get(module, {}).get(NOT_YET, "").split()
    if path in TABLE and path not in _SERVED:
        names = ", ".join(TABLE[path][NOT_YET].split())
        what = f"'{path}'" + (f" ({names})" if names else "")
    elif name in missing:
        what = f"'{name}' of '{module}'"
    else:
        return None
    return f"{what} is part of Lava, but lava_torch does not have it yet."
