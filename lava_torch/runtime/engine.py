"""What `AbstractProcess.compile` and `create_runtime` call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lava_torch.compiler import Network, compile
from lava_torch.compiler.extend import extend
from lava_torch.core.process import AbstractProcess
from lava_torch.core.process_graph import find_processes
from lava_torch.core.run_configs import RunConfig
from lava_torch.model.hosted.channel import CAPACITY
from lava_torch.runtime.executable import Executable, mark, network_and_stepper
from lava_torch.runtime.runtime import Runtime
from lava_torch.runtime.steppers import make_stepper


class TorchEngine:
    """Compiles Processes to a Network and runs it."""

    def compile(
        self, process: AbstractProcess, run_cfg: RunConfig, compile_config: Mapping[str, Any] | None
    ) -> Executable:
        """Compile, and mark the Processes. Of Lava's compile_config keys `pypy_channel_size` has an
        effect: the messages that a channel of numpy models holds. The others are accepted.

        Raises ValueError for a size that is no whole number, or less than 1.
        """
        size = _channel_size(process, compile_config or {})
        network = compile(process, run_cfg)
        if network.hosting:
            network.hosting.set_capacity(size)
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
        network, _ = network_and_stepper(
            executable, f"create_runtime() of Process '{process.name}'"
        )
        _check_processes(process, network)
        runtime = Runtime(executable, stepper=None if run_cfg is None else run_cfg.stepper)
        mark(network)
        return runtime

    def extend(self, process: AbstractProcess, runtime: Runtime) -> bool:
        """Take what was connected to the network of `runtime` into it; whether anything was.
        Raises as `compile`."""
        before = runtime.network
        network = extend(before, process, runtime.adopt)
        if network is not before:
            mark(network)
        return network is not before


def _channel_size(process: AbstractProcess, config: Mapping[str, Any]) -> int:
    size = config.get("pypy_channel_size", CAPACITY)
    if not isinstance(size, int) or size < 1:
        raise ValueError(
            f"The compile_config of Process '{process.name}' has pypy_channel_size={size!r}; it is "
            "a whole number of messages, at least 1."
        )
    return size


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
