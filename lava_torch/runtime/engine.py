"""What `AbstractProcess.compile` and `create_runtime` call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lava_torch.compiler import Network, compile
from lava_torch.core.process import AbstractProcess
from lava_torch.core.process_graph import find_processes
from lava_torch.core.run_configs import RunConfig
from lava_torch.runtime.runtime import Runtime
from lava_torch.runtime.steppers import make_stepper


@dataclass(frozen=True)
class Executable:
    """A compiled network with the run config that it was compiled under."""

    network: Network
    run_cfg: RunConfig


class TorchEngine:
    """Compiles Processes to a Network and runs it."""

    def compile(
        self, process: AbstractProcess, run_cfg: RunConfig, compile_config: Mapping[str, Any] | None
    ) -> Executable:
        """Compile, and mark the Processes. Lava's compile_config keys are accepted; none has an
        effect here."""
        network = compile(process, run_cfg)
        make_stepper(network, run_cfg.stepper)
        mark(network)
        return Executable(network, run_cfg)

    def create_runtime(
        self,
        process: AbstractProcess,
        run_cfg: RunConfig | None,
        executable: Executable | Network,
        compile_config: Mapping[str, Any] | None,
    ) -> Runtime:
        """The runtime of an executable, or of a Network that `lt.compile` made (and that may have
        been trained since). TypeError for anything else."""
        if isinstance(executable, Network):
            network, stepper = executable, getattr(run_cfg, "stepper", "auto")
        elif isinstance(executable, Executable):
            network, stepper = executable.network, (run_cfg or executable.run_cfg).stepper
        else:
            raise TypeError(
                f"create_runtime() of Process '{process.name}' needs what compile() returned, or a "
                f"Network; got {type(executable).__name__}."
            )
        _check_processes(process, network)
        runtime = Runtime(network, stepper)
        mark(network)
        return runtime


def _check_processes(process: AbstractProcess, network: Network) -> None:
    """The network must be that of the Processes as they are connected now."""
    known = network.graph.node_of.keys() | network.graph.containers.keys()
    for member in find_processes(process):
        if member not in known:
            raise ValueError(
                f"The executable given to create_runtime() of Process '{process.name}' does not "
                f"hold Process '{member.name}': it is of other Processes, or of these before they "
                f"were connected or compiled again. It holds {list(network.models)}; compile anew."
            )


def mark(network: Network) -> None:
    """Tell the Processes which model stands for them."""
    graph = network.graph
    for process, model_class in graph.containers.items():
        process._set_compiled(model_class, None)
    for process, name in graph.node_of.items():
        process._set_compiled(graph.nodes[name].model_class, network.models[name])
        for var in process.vars:
            var.model = network.models[name]
