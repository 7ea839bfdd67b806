"""From a trained network back to Processes, in floating point or in Loihi's fixed point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from lava_torch.compiler import Network, compile
from lava_torch.core.process import AbstractProcess
from lava_torch.core.run_configs import Loihi2SimCfg
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.train.conversion import CONVERTERS, Converted, values_of
from lava_torch.train.errors import DeployError
from lava_torch.train.rebuild import rebuild
from lava_torch.train.scales import find_scales

__all__ = ["DeployError", "Deployment", "deploy", "quantize"]


class Deployment(Mapping[str, AbstractProcess]):
    """A network of new Processes, by name: `deployment["lif"]` or `deployment.lif`.

    Attributes
    ----------
    fixed_point : whether the Processes hold Loihi's integers.
    scales : in fixed point, the factor k of each population and connection, by name: a weight or
        threshold is k times the floating one, and u and v are 64 k times it. 1 where nothing is
        scaled.
    """

    def __init__(
        self, processes: Mapping[str, AbstractProcess], fixed_point: bool, scales: dict[str, float]
    ) -> None:
        self._processes = dict(processes)
        self.fixed_point = fixed_point
        self.scales = scales

    def __getitem__(self, name: str) -> AbstractProcess:
        return self._processes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._processes)

    def __len__(self) -> int:
        return len(self._processes)

    def __getattr__(self, name: str) -> AbstractProcess:
        try:
            return self.__dict__["_processes"][name]
        except KeyError:
            raise AttributeError(
                f"There is no Process '{name}' in this deployment; it has {list(self)}."
            ) from None

    def __repr__(self) -> str:
        precision = "fixed point" if self.fixed_point else "floating point"
        return f"<Deployment in {precision}: {', '.join(self)}>"

    def run_cfg(self, **options: Any) -> Loihi2SimCfg:
        """A run config that selects the models of this precision; `options` as for Loihi2SimCfg."""
        tag = "fixed_pt" if self.fixed_point else "floating_pt"
        return Loihi2SimCfg(select_tag=tag, **options)

    def compile(self, **options: Any) -> Network:
        """Compile the Processes; `options` as for Loihi2SimCfg."""
        return compile(next(iter(self.values())), self.run_cfg(**options))


def deploy(network: Network | AbstractProcess, fixed_point: bool = False) -> Deployment:
    """New Processes with the parameters of `network`, connected as its Processes are.

    Of a floating-point network, `fixed_point=True` converts the parameters to Loihi's integers,
    with one scale for each population (see `lava_torch.train.conversion`). Of a network that was
    compiled in fixed point, such as `quantize` gives, the integers that it computes with are taken.
    State starts from its initial values. Monitors and loggers are not copied.

    Parameters
    ----------
    network : a Network, or a Process of one that has not been trained.
    fixed_point : whether the Processes are to run in fixed point.

    Raises
    ------
    DeployError (a ValueError) : a Process that cannot be converted, or a fixed-point network that
        is to be deployed in floating point.
    """
    if isinstance(network, AbstractProcess):
        network = compile(network, Loihi2SimCfg(select_tag="floating_pt"))
    if not isinstance(network, Network):
        raise TypeError(f"deploy() needs a Network or a Process; got {type(network).__name__}.")
    nodes = [name for name, model in network.models.items() if not model.observer]
    if _is_fixed(network):
        if not fixed_point:
            raise DeployError(
                "The network computes in fixed point, so its integers cannot be deployed in "
                "floating point: pass fixed_point=True."
            )
        converted = {name: _integers(network.models[name]) for name in nodes}
        scales = {name: network.scales.get(name, 1.0) for name in nodes}
    elif fixed_point:
        scales = _scales(network, nodes)
        converted = {name: _convert(network, name, scales[name]) for name in nodes}
    else:
        converted = {name: _copied(network.models[name]) for name in nodes}
        scales = dict.fromkeys(nodes, 1.0)
    return Deployment(rebuild(network.graph, converted), fixed_point, scales)


def quantize(network: Network | AbstractProcess, **options: Any) -> Network:
    """A trainable network in the arithmetic of fixed point, starting from `network`'s parameters.

    Its forward pass computes the very integers that the deployed Processes will, held in floating
    point; gradients pass straight through the rounding. Its weights are integers of up to 8 bits,
    so train it with a learning rate some hundred times that of the floating-point network. Then
    `deploy(network, fixed_point=True)` gives Processes that behave the same, bit by bit: in float32
    while a current stays below 2^24 before it is wrapped, with `dtype="float64"` always.

    Parameters
    ----------
    network : a floating-point Network, or a Process.
    options : as for Loihi2SimCfg; `trainable` is True unless given.

    Raises as `deploy`.
    """
    options.setdefault("trainable", True)
    deployment = deploy(network, fixed_point=True)
    quantized = deployment.compile(**options)
    quantized.scales = dict(deployment.scales)
    return quantized


def _is_fixed(network: Network) -> bool:
    tags = [type(model).tags for model in network.models.values()]
    return any("fixed_pt" in each and "floating_pt" not in each for each in tags)


def _scales(network: Network, nodes: list[str]) -> dict[str, float]:
    try:
        return find_scales(network, nodes)
    except ValueError as error:
        raise DeployError(str(error)) from error


def _convert(network: Network, name: str, scale: float) -> Converted:
    process = network.graph.nodes[name].process
    try:
        return CONVERTERS[type(process)].convert(values_of(network.models[name], process), scale)
    except ValueError as error:
        raise DeployError(str(error)) from error


def _copied(model: TorchProcessModel) -> Converted:
    """The parameters as they are; state keeps its initial values."""
    return Converted({n: model.get_var(n) for n in model.var_names() if model.is_shared(n)})


def _integers(model: TorchProcessModel) -> Converted:
    """The integers that a fixed-point model computes with."""
    with torch.no_grad():
        return Converted(model.integers(), model.integer_params())
