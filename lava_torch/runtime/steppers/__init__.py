"""The ways to execute the steps of a network, the fastest first."""

from __future__ import annotations

from lava_torch.compiler.errors import CompileError
from lava_torch.compiler.network import Network
from lava_torch.runtime.steppers.base import Stepper
from lava_torch.runtime.steppers.eager import EagerStepper
from lava_torch.runtime.steppers.graph import GraphStepper
from lava_torch.runtime.steppers.hosted import HostedStepper
from lava_torch.runtime.steppers.layers import LayersStepper
from lava_torch.runtime.steppers.table import TableStepper

STEPPERS: dict[str, type[Stepper]] = {
    stepper.name: stepper
    for stepper in (TableStepper, GraphStepper, LayersStepper, EagerStepper, HostedStepper)
}


def make_stepper(network: Network, name: str = "auto") -> Stepper:
    """The stepper of that name; "auto": the first that can run the network.

    Raises CompileError for an unknown name, or if the named one cannot run the network.
    """
    if name == "auto":
        return next(cls(network) for cls in _order(network) if cls.obstacle(network) is None)
    if name not in STEPPERS:
        raise CompileError(f"There is no stepper '{name}'; choose from {['auto', *STEPPERS]}.")
    obstacle = STEPPERS[name].obstacle(network)
    if obstacle is not None:
        raise CompileError(f"Stepper '{name}' cannot run this network: {obstacle}. Use 'auto'.")
    return STEPPERS[name](network)


def _order(network: Network) -> list[type[Stepper]]:
    """The steppers in the order in which "auto" tries them.

    On a GPU a step by itself cannot fill the device, so that many steps at once come first where
    all of the network can do them; what has to be stepped is better replayed. On the CPU the table
    visits active neurons only, which beats a full matrix product at the activity of most networks;
    not where sources are known to be more active than that.
    """
    if network.hosting is not None:
        return [HostedStepper]
    steppers = list(STEPPERS.values())
    on_gpu = network.device.type == "cuda"
    if LayersStepper.suits(network) if on_gpu else LayersStepper.pays(network):
        return [LayersStepper, *(stepper for stepper in steppers if stepper is not LayersStepper)]
    return steppers
