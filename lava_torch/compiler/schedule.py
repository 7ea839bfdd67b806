"""In which order the models of a network run within a step."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError as GraphlibCycleError
from graphlib import TopologicalSorter

from lava_torch.compiler.errors import CompileError, CycleError
from lava_torch.compiler.graph import Graph, Node
from lava_torch.model.hosted import AbstractPyProcessModel


@dataclass(frozen=True)
class Call:
    """One method of one model, at its place in the spiking phase."""

    node: str
    method: str  # "step", "emit" or "absorb"

    @property
    def receives(self) -> bool:
        return self.method in ("step", "absorb")

    @property
    def sends(self) -> bool:
        return self.method in ("step", "emit")


def make_schedule(graph: Graph) -> tuple[Call, ...]:
    """Sort the calls so that each runs when its inputs are there: what a model sends in a step is
    received in the same step, but a buffered model (`emit`/`absorb`) sends before it receives.

    Numpy models have no call here: what each sends and receives, and when, only it knows.

    Raises CycleError naming the Processes of a cycle without a buffered model, and CompileError for
    a model that defines neither way.
    """
    sorter: TopologicalSorter[Call] = TopologicalSorter()
    nodes = {name: node for name, node in graph.nodes.items() if not is_hosted(node)}
    senders = {name: Call(name, sending_method(node)) for name, node in nodes.items()}
    for name, node in nodes.items():
        for call in _calls(node):
            links = [link for found in node.inputs.values() for link in found]
            sources = [link.node for link in links if link.node in nodes]
            waits = [senders[source] for source in sources] if call.receives else []
            sorter.add(call, *waits)
        if "absorb" in methods(node) and "emit" in methods(node):
            sorter.add(Call(name, "absorb"), Call(name, "emit"))
    order = list(graph.nodes)
    try:
        return tuple(_stable_order(sorter, order))
    except GraphlibCycleError as error:
        raise CycleError(_describe(error.args[1], graph)) from None


def is_hosted(node: Node) -> bool:
    """Whether a node's model is plain Python and numpy."""
    return issubclass(node.model_class, AbstractPyProcessModel)


def methods(node: Node) -> set[str]:
    """Which of step, emit and absorb a node's model defines."""
    return {m for m in ("step", "emit", "absorb") if callable(getattr(node.model_class, m, None))}


def sending_method(node: Node) -> str:
    return "step" if "step" in methods(node) else "emit"


def _calls(node: Node) -> list[Call]:
    defined = methods(node)
    if not defined and (callable(getattr(node.model_class, "manage", None))):
        return []  # it acts in post-management only
    if not defined or ("step" in defined and len(defined) > 1):
        raise CompileError(
            f"{node.model_class.__name__}, the model of Process '{node.name}', defines "
            f"{sorted(defined) or 'none of step, emit and absorb'}: it needs either "
            f"step(**inputs), or emit() and/or absorb(**inputs)."
        )
    if list(node.process.out_ports) and defined == {"absorb"}:
        raise CompileError(
            f"{node.model_class.__name__}, the model of Process '{node.name}', has OutPorts but "
            f"neither step() nor emit() to send from."
        )
    return [Call(node.name, method) for method in ("step", "emit", "absorb") if method in defined]


def _stable_order(sorter: TopologicalSorter[Call], order: list[str]) -> list[Call]:
    rank = {name: index for index, name in enumerate(order)}
    sorter.prepare()
    calls: list[Call] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda call: (rank[call.node], call.method))
        calls += ready
        sorter.done(*ready)
    return calls


def _describe(cycle: list[Call], graph: Graph) -> str:
    # graphlib lists each call behind one that waits for it.
    path = [call.node for call in cycle]
    models = ", ".join(f"{n} ({graph.nodes[n].model_class.__name__})" for n in dict.fromkeys(path))
    return (
        f"The Processes {' -> '.join(path)} wait for each other within a step: {models} all send "
        f"what they receive in the same step. Put a connection that buffers (such as Dense) into "
        f"the cycle, or give one of the models emit() and absorb() instead of step()."
    )
