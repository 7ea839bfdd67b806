"""What compiling gives, and what it tells the Processes."""

from __future__ import annotations

from dataclasses import dataclass

from lava_torch.compiler.network import Network
from lava_torch.core.process import AbstractProcess
from lava_torch.core.run_configs import RunConfig


@dataclass(frozen=True)
class Executable:
    """A compiled network with the run config that it was compiled under."""

    network: Network
    run_cfg: RunConfig

    @property
    def process_list(self) -> list[AbstractProcess]:
        """The Processes that it runs, without those that are made of others."""
        return list(self.network.graph.node_of)


def network_and_stepper(exe: Executable | Network, who: str = "A Runtime") -> tuple[Network, str]:
    """The network to run, and the stepper that its run config names; TypeError, saying `who` needs
    one, for others."""
    if isinstance(exe, Executable):
        return exe.network, exe.run_cfg.stepper
    if isinstance(exe, Network):
        return exe, "auto"
    raise TypeError(f"{who} needs what compile() returned, or a Network; got {type(exe).__name__}.")


def mark(network: Network) -> None:
    """Tell the Processes which model stands for them."""
    graph = network.graph
    for process, model_class in graph.containers.items():
        process._set_compiled(model_class, None)
    for process, name in graph.node_of.items():
        process._set_compiled(graph.nodes[name].model_class, network.models[name])
        for var in process.vars:
            var.model = network.models[name]
