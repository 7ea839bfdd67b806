"""Compile Processes into a Network."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import nn

from lava_torch.compiler.errors import CompileError, DeviceUnavailableError
from lava_torch.compiler.graph import Graph, Node, build_graph
from lava_torch.compiler.hosting import make_hosting
from lava_torch.compiler.network import Network
from lava_torch.compiler.schedule import make_schedule
from lava_torch.core.compilation import forget_sub_processes, track_sub_processes
from lava_torch.core.process import AbstractProcess
from lava_torch.core.process_graph import find_processes
from lava_torch.core.run_configs import RunConfig
from lava_torch.kernels.equation import resolve_surrogate
from lava_torch.model.clock import Clock
from lava_torch.model.hosted import AbstractPyProcessModel
from lava_torch.model.hosted.adapter import HostedModel
from lava_torch.model.hosted.types import declarations
from lava_torch.model.ref_ports import Read
from lava_torch.model.torch_model import Binding, TorchProcessModel

#: What the runtime calls of numpy models only.
NUMPY_METHODS = ("run_spk", "run_pre_mgmt", "run_lrn", "run_post_mgmt", "run_async")

RESERVED = frozenset(dir(nn.Module())) | frozenset(dir(Network)) | {"clock", "graph", "scales"}


def compile(process: AbstractProcess, run_cfg: RunConfig) -> Network:
    """Compile `process` and all Processes connected with it into one `torch.nn.Module`.

    The Processes stay as they are, so a network can be compiled many times, under different run
    configs; `process.run` compiles in the same way.

    Raises
    ------
    NoProcessModelFound, AssertionError : a Process has no model, or none is selected.
    CompileError (a ValueError) : a cycle without a buffered model; a device that is not there; a
        `trainable` pattern that matches nothing; a model that cannot run here.
    VarInitError, VarValueError (ValueErrors) : a Var's init does not fit its shape or its range.
    """
    if not isinstance(run_cfg, RunConfig):
        raise TypeError(f"compile() needs a RunConfig such as Loihi2SimCfg(); got {run_cfg!r}.")
    device = available_device(run_cfg.device)
    forget_sub_processes(find_processes(process))
    network = find_processes(process)
    # Buffers that were made in inference mode could not be written to outside it.
    with torch.inference_mode(False):
        return track_sub_processes(network, lambda: _compile(process, run_cfg, device))


def _compile(process: AbstractProcess, run_cfg: RunConfig, device: torch.device) -> Network:
    graph = build_graph(process, run_cfg, RESERVED)
    schedule = make_schedule(graph)
    clock = Clock(run_cfg.batch_size)
    models = {name: make_model(node, clock, run_cfg) for name, node in graph.nodes.items()}
    if not make_trainable(models, run_cfg) and run_cfg.trainable:
        raise _nothing_to_train(models, run_cfg)
    hosting = make_hosting(graph, models)
    connect(graph, models, models)
    return Network(graph, schedule, models, clock, hosting).to(device)


def available_device(name: str) -> torch.device:
    """The torch device of that name; DeviceUnavailableError if it is not there."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        found = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise DeviceUnavailableError(
            f"The run config asks for device '{name}', which is not available here; there is "
            f"{', '.join(found)}. Pass one of these as device= ({error})."
        ) from error
    return device


def make_model(node: Node, clock: Clock, run_cfg: RunConfig) -> TorchProcessModel:
    process = node.process
    if issubclass(node.model_class, AbstractPyProcessModel):
        model = HostedModel(process.proc_params, node.model_class)
    elif issubclass(node.model_class, TorchProcessModel):
        _check_compiled(node)
        model = node.model_class(process.proc_params)
        _check_var_names(node, model)
    else:
        raise CompileError(
            f"{node.model_class.__name__}, the model of Process '{node.name}', is neither a "
            "TorchProcessModel nor a PyLoihiProcessModel. Derive it from EquationModel or "
            "TorchProcessModel, or for plain numpy from PyLoihiProcessModel."
        )
    binding = Binding(
        name=node.name,
        clock=clock,
        dtype=getattr(torch, run_cfg.dtype),
        trainable=bool(run_cfg.trainable),
        surrogate=resolve_surrogate(run_cfg.surrogate),
        seed=run_cfg.seed,
        in_shapes={port.name: port.shape for port in process.in_ports},
        out_shapes={port.name: port.shape for port in process.out_ports},
        ref_shapes={port.name: port.shape for port in process.ref_ports},
    )
    inits = {var.name: var.init for var in process.vars}
    shapes = {var.name: var.shape for var in process.vars}
    model.bind(binding, inits, shapes)
    return model


def _check_compiled(node: Node) -> None:
    """Refuse what only the runtime of numpy models would look at."""
    model = node.model_class
    hooks = [f"{name}()" for name in NUMPY_METHODS if hasattr(model, name)]
    found = [*hooks, *(f"{name} = LavaPyType(...)" for name in declarations(model))]
    if found:
        base = next(b.__name__ for b in model.__mro__[1:] if issubclass(b, TorchProcessModel))
        raise CompileError(
            f"{model.__name__}, the model of Process '{node.name}', has {', '.join(found)}, as "
            f"numpy models do, but its base {base} is a compiled model and would ignore this. "
            "Derive it from PyLoihiProcessModel or one of its subclasses, or define what a "
            "TorchProcessModel has: step, emit, absorb, learn or manage."
        )


def _check_var_names(node: Node, model: TorchProcessModel) -> None:
    for var in node.process.vars:
        if hasattr(type(model), var.name) or hasattr(model, var.name):
            raise CompileError(
                f"Var '{var.name}' of Process '{node.name}' cannot be a buffer of its model: "
                f"{type(model).__name__} has something else of that name. Rename the Var."
            )


def make_trainable(models: Mapping[str, TorchProcessModel], run_cfg: RunConfig) -> bool:
    """Make parameters of the Vars that the run config names; whether there are any."""
    chosen = [
        (name, var)
        for name, model in models.items()
        for var in model.var_names()
        if run_cfg.is_trainable(name, var)
        and (run_cfg.trainable is not True or var in model.trainable)
    ]
    for name, var in chosen:
        models[name].make_trainable(var)
    return bool(chosen)


def _nothing_to_train(models: Mapping[str, TorchProcessModel], run_cfg: RunConfig) -> CompileError:
    known = ", ".join(f"{n}.{var}" for n, model in models.items() for var in model.var_names())
    return CompileError(
        f"trainable={run_cfg.trainable!r} matches no Var of this network; its Vars are {known}."
    )


def connect(
    graph: Graph, models: Mapping[str, TorchProcessModel], changed: Collection[str]
) -> None:
    """Tell each model what sends to it and what it reads; those of `changed` also that it did."""
    for name, node in graph.nodes.items():
        models[name].disconnect()
        for port, links in node.inputs.items():
            for link in links:
                models[name].connect_sender(port, models[link.node], link.port)
        for port, link in node.reads.items():
            read = Read(models[link.node], link.var, link.view, link.forward)
            models[name].connect_read(port, read)
    for name in (n for n in graph.nodes if n in changed):
        models[name].on_connected()
