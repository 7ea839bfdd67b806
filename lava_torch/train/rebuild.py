"""Build a network of Processes once more, with other values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lava_torch.compiler.graph import Graph
from lava_torch.core.connection_paths import Path, reference_paths
from lava_torch.core.path_steps import Transpose
from lava_torch.core.ports import ConcatPort, InPort, OutPort, RefPort, ReshapePort, TransposePort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.train.conversion import Converted


def rebuild(graph: Graph, converted: Mapping[str, Converted]) -> dict[str, AbstractProcess]:
    """A new Process for each node in `converted`, made by its class's constructor with the
    arguments of the first, then given what that Process holds now and the converted values;
    connected in the same way."""
    new = {name: _again(graph.nodes[name].process, change) for name, change in converted.items()}
    of = {graph.nodes[name].process: process for name, process in new.items()}
    for name in converted:
        for port in graph.nodes[name].process.in_ports:
            target = new[name].in_ports.members[list(port.process.in_ports).index(port)]
            for source in _sources(port, of):
                source.connect(target)
        for port in graph.nodes[name].process.ref_ports:
            for path in reference_paths(port):
                var = path.dst.var.resolved()
                _reach(getattr(new[name], port.name), path, getattr(of[var.process], var.name))
    return new


def _reach(port: RefPort, path: Path, var: Var) -> None:
    """Connect a RefPort to a Var, through the views on `path`."""
    view = port
    for step in path.steps:
        view = (
            view.transpose(step.axes) if isinstance(step, Transpose) else view.reshape(step.shape)
        )
    if view is port:
        port.connect_var(var)
    else:
        view.connect(RefPort.create_implicit_var_port(var))


def _again(process: AbstractProcess, change: Converted) -> AbstractProcess:
    args, kwargs = process._init_args
    new = type(process)(*args, **kwargs)
    # A Process may hold other values than its constructor gave it: a deployed one does.
    for var in process.vars:
        if new.vars.has(var):
            getattr(new, var.name).init = var.init
    for name, value in process.proc_params._parameters.items():
        new.proc_params.overwrite(name, value)
    for name, value in change.vars.items():
        getattr(new, name).init = value
    for name, value in change.params.items():
        new.proc_params.overwrite(name, value)
    return new


def _sources(port: Any, of: Mapping[AbstractProcess, AbstractProcess]) -> list:
    """What feeds `port`, among the new Processes: OutPorts, or the same views of them."""
    return [copy for source in port.in_connections for copy in _copies(source, of)]


def _copies(port: Any, of: Mapping[AbstractProcess, AbstractProcess]) -> list:
    match port:
        case OutPort() if port.process in of:
            return [getattr(of[port.process], port.name)]
        case OutPort() | InPort():  # of a Process that is made of others
            return _sources(port, of)
        case ReshapePort():
            return [copy.reshape(port.shape) for copy in _sources(port, of)]
        case TransposePort():
            return [copy.transpose(port.axes) for copy in _sources(port, of)]
        case ConcatPort():
            first, *rest = _sources(port, of)
            return [first.concat_with(rest, port.concat_axis)]
    raise TypeError(f"A virtual port of kind {type(port).__name__} cannot be copied.")
