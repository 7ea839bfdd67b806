"""From Processes to a graph: who is in the network, what each runs, and what feeds what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lava_torch.compiler.errors import CompileError
from lava_torch.compiler.selection import ModelClass, select_model
from lava_torch.core.connection_paths import Path, connection_paths, reference_paths
from lava_torch.core.model import is_sub_process_model
from lava_torch.core.path_steps import Place, Reshape, Step, Take, Transpose
from lava_torch.core.process import AbstractProcess
from lava_torch.core.process_graph import find_processes
from lava_torch.core.run_configs import RunConfig
from lava_torch.core.variable import Var
from lava_torch.model.view import View


@dataclass(frozen=True)
class Link:
    """One connection: from an OutPort of a node, through virtual ports, to an InPort."""

    node: str
    port: str
    view: View


@dataclass(frozen=True)
class ReadLink:
    """What a RefPort reaches: a Var of a node, through virtual ports.

    `view` is the way of what is read, `forward` that of what is written.
    """

    node: str
    var: str
    view: View
    forward: View


@dataclass
class Node:
    """A leaf Process with the model class it gets.

    `inputs` has the links into each InPort, `reads` what each connected RefPort reads.
    """

    name: str
    process: AbstractProcess
    model_class: ModelClass
    inputs: dict[str, tuple[Link, ...]] = field(default_factory=dict)
    reads: dict[str, ReadLink] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """The network as data: leaf nodes by name, the containers that are made of them, and the run
    config that they were compiled under."""

    nodes: dict[str, Node]
    containers: dict[AbstractProcess, ModelClass]
    node_of: dict[AbstractProcess, str]
    run_cfg: RunConfig

    def __deepcopy__(self, memo: dict) -> Graph:
        # A copy of a network is another state of the same Processes.
        return self


def build_graph(
    process: AbstractProcess,
    run_cfg: RunConfig,
    reserved: frozenset[str] = frozenset(),
    known: Mapping[AbstractProcess, str] | None = None,
) -> Graph:
    """Collect all Processes that are connected with `process`, select their models, and expand
    those that are made of sub-processes. Nodes take the Processes' names, but no `reserved` one;
    those of `known` keep theirs.

    Raises NoProcessModelFound, AssertionError (no model fits, or an alias does not lead to a
    sub-process) and CompileError.
    """
    leaves, containers = _expand(process, run_cfg)
    names = _unique_names(list(leaves), reserved, known or {})
    nodes = {names[p]: Node(names[p], p, model) for p, model in leaves.items()}
    graph = Graph(nodes, containers, names, run_cfg)
    for node in nodes.values():
        _link(node, graph)
    for p in [*leaves, *containers]:
        p.validate_var_aliases()
    return graph


def _expand(
    process: AbstractProcess, run_cfg: RunConfig
) -> tuple[dict[AbstractProcess, ModelClass], dict[AbstractProcess, ModelClass]]:
    leaves: dict[AbstractProcess, ModelClass] = {}
    containers: dict[AbstractProcess, ModelClass] = {}
    waiting = find_processes(process)
    while waiting:
        current = waiting.pop(0)
        if current in leaves or current in containers:
            continue
        model = select_model(current, run_cfg)
        if not is_sub_process_model(model):
            leaves[current] = model
            continue
        containers[current] = model
        if not current.is_compiled:  # else its model has made them already
            current.register_sub_procs(model(current).find_sub_procs())
        inside = [p for sub in current.procs for p in find_processes(sub)]
        waiting += [p for p in inside if p not in waiting]
    ordered = dict(sorted(leaves.items(), key=lambda item: item[0].id))
    return ordered, containers


def _unique_names(
    processes: list[AbstractProcess],
    reserved: frozenset[str],
    known: Mapping[AbstractProcess, str],
) -> dict[AbstractProcess, str]:
    """A name that a submodule can have for each Process: no dots, repeats numbered."""
    names = {process: known[process] for process in processes if process in known}
    for process in (p for p in processes if p not in names):
        base = process.name.replace(".", "_")
        name, count = base, 1
        while name in reserved or name in names.values():
            name, count = f"{base}_{count}", count + 1
        names[process] = name
    return {process: names[process] for process in processes}


def _link(node: Node, graph: Graph) -> None:
    for port in node.process.in_ports:
        links = []
        for path in connection_paths(port):
            if path.src.process not in graph.node_of:
                continue  # an OutPort of a container that nothing inside feeds sends nothing
            view = View(path.steps, len(path.src.shape))
            links.append(Link(graph.node_of[path.src.process], path.src.name, view))
        node.inputs[port.name] = tuple(links)
    for port in node.process.ref_ports:
        for path in reference_paths(port):
            if path.src is port:
                node.reads[port.name] = _read_link(path.dst.var, path, graph)


def _read_link(var: Var, path: Path, graph: Graph) -> ReadLink:
    target = var.resolved()
    if target.process not in graph.node_of:
        raise CompileError(
            f"RefPort '{path.src.label}' reaches Var '{target.label}', which no leaf Process "
            f"holds: alias it to a Var of a sub-process."
        )
    view = View(_undone(path), len(target.shape))
    forward = View(path.steps, len(path.src.shape))
    return ReadLink(graph.node_of[target.process], target.name, view, forward)


def _undone(path: Path) -> tuple[Step, ...]:
    """The way back: a path leads from the RefPort to the Var, and what is read goes back."""
    steps, shape = [], path.src.shape
    for step in path.steps:
        match step:
            case Reshape(new_shape):
                steps.append(Reshape(shape))
                shape = new_shape
            case Transpose(axes):
                steps.append(step.inverse())
                shape = tuple(shape[axis] for axis in axes)
            case Place(axis, start, whole):
                steps.append(Take(axis, start, shape[axis]))
                shape = whole
    return tuple(reversed(steps))
