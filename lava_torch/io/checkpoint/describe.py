"""Processes as JSON: what they are made by, what they have now, how they are connected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lava_torch.core.port_base import PortNode
from lava_torch.core.ports import ImplicitVarPort, InPort, OutPort, RefPort, VarPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.process_graph import all_ports, find_processes, with_sub_processes
from lava_torch.core.run_configs import RunConfig
from lava_torch.io.checkpoint.arrays import ArrayStore
from lava_torch.io.checkpoint.classes import name_of
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.settings import describe_run_cfg
from lava_torch.io.checkpoint.values import Encoder, Node
from lava_torch.io.checkpoint.wiring import describe_wiring

#: The kinds of ports, the special one first.
PORT_KINDS: dict[str, type[PortNode]] = {
    "implicit": ImplicitVarPort,
    "var": VarPort,
    "in": InPort,
    "out": OutPort,
    "ref": RefPort,
}
#: Run config and compile config.
Setup = tuple[RunConfig, Mapping[str, Any] | None]


class Description:
    """Processes and all that they are connected with, as a checkpoint has them.

    Attributes
    ----------
    processes : those that are saved, in the order of their ids: not what ProcessModels made.
    structure : JSON; state is added to it when it is saved.
    """

    def __init__(self, roots: Sequence[AbstractProcess], setup: Setup | None) -> None:
        self.processes = gather(roots)
        self._arrays = ArrayStore()
        numbers = {id(process): number for number, process in enumerate(self.processes)}
        self._encoder = Encoder(numbers, self._arrays)
        for root in roots:
            if id(root) not in numbers:
                raise CheckpointError(
                    f"Process '{root.name}' cannot be saved by itself: it was made by the model of "
                    f"another, or records for a logger. Save what it belongs to."
                )
        parts = _parts(self.processes)
        self.structure: dict[str, Node] = {
            "roots": [numbers[id(root)] for root in roots],
            "processes": [
                _process(process, parts.get(id(process)), self._encoder)
                for process in self.processes
            ],
            "aliases": list(_aliases(self.processes, self._encoder)),
            "wiring": describe_wiring(self.processes, self._encoder),
            "setup": None if setup is None else describe_setup(setup, self._encoder),
        }

    def encoder(self) -> Encoder:
        """One for what is added to this description, which stays as it is."""
        encoder = Encoder(self._encoder.numbers, self._arrays.copy())
        encoder.objects, encoder._known = list(self._encoder.objects), dict(self._encoder._known)
        return encoder


def gather(roots: Iterable[AbstractProcess]) -> list[AbstractProcess]:
    """All that is connected with `roots` or part of it, without what ProcessModels made and what
    does not belong into checkpoints, in the order of the ids."""
    found: dict[int, AbstractProcess] = {}
    waiting = list(roots)
    while waiting:
        process = waiting.pop()
        if id(process) in found:
            continue
        for member in with_sub_processes(find_processes(process)):
            if id(member) not in found:
                found[id(member)] = member
                waiting += member.procs
    made = {id(p) for process in found.values() for p in with_sub_processes(process._model_procs)}
    kept = [
        process
        for key, process in found.items()
        if key not in made and getattr(process, "in_checkpoints", True)
    ]
    return sorted(kept, key=lambda process: process.id)


def describe_setup(setup: Setup, encoder: Encoder) -> Node:
    run_cfg, compile_config = setup
    config = None if compile_config is None else dict(compile_config)
    return {
        "run_cfg": describe_run_cfg(run_cfg, encoder),
        "compile_config": encoder.encode(config, "The network", "its compile_config", "config"),
    }


def _parts(processes: Sequence[AbstractProcess]) -> dict[int, tuple[AbstractProcess, int]]:
    """The Processes that another's constructor made: that one, and the how manieth of it."""
    return {
        id(part): (process, number)
        for process in processes
        for number, reference in enumerate(process._parts)
        if (part := reference()) is not None
    }


def _process(
    process: AbstractProcess, part: tuple[AbstractProcess, int] | None, encoder: Encoder
) -> Node:
    owner = f"Process '{process.name}' ({type(process).__name__})"

    def encode(what: str, name: Any, value: Any) -> Node:
        return encoder.encode(value, owner, f"its {what} '{name}'", f"{process.name}.{name}")

    # The arguments of a part are the other's constructor's business.
    args, kwargs = process._init_args if part is None else ((), {})
    params = process.proc_params._parameters
    extra = getattr(process, "get_extra_state", None)
    return {
        "class": name_of(type(process)),
        "name": process.name,
        "part": None if part is None else [encoder.numbers[id(part[0])], part[1]],
        "args": [encode("argument", number, value) for number, value in enumerate(args)],
        "kwargs": {name: encode("argument", name, value) for name, value in kwargs.items()},
        # Of the parameters, the constructor makes again what cannot be saved.
        "params": {n: encode("parameter", n, x) for n, x in params.items() if encoder.can(x)},
        "vars": {
            var.name: {
                "shape": list(var.shape),
                "shareable": bool(var.shareable),
                "init": encode("Var", var.name, var.init),
            }
            for var in process.vars
        },
        "ports": {port.name: _port(port) for port in all_ports(process) if _is_kept(port, encoder)},
        "parent": _parent(process, encoder),
        "extra": None if extra is None else [encode("hook", "get_extra_state", extra())],
    }


def _is_kept(port: PortNode, encoder: Encoder) -> bool:
    """What connect_var made for a Process that is not saved goes with it."""
    if not isinstance(port, ImplicitVarPort):
        return True
    ends = port.in_connections + port.out_connections
    return any(encoder.is_saved(end.process) for end in ends)


def _port(port: PortNode) -> Node:
    kind = next(name for name, cls in PORT_KINDS.items() if isinstance(port, cls))
    pipe = None
    if isinstance(port, InPort | OutPort):
        pipe = [bool(port.external_pipe_flag), int(port.external_pipe_buffer_size)]
    return {
        "kind": kind,
        "shape": list(port.shape),
        "var": port.var.name if isinstance(port, VarPort) else None,
        "pipe": pipe,
    }


def _parent(process: AbstractProcess, encoder: Encoder) -> Node:
    """The Process that it is registered with as a part, and under which name."""
    parent = process.parent_proc
    if parent is None or not encoder.is_saved(parent):
        return None
    names = [name for name, proc in parent.procs._members.items() if proc is process]
    return [encoder.numbers[id(parent)], names[0]] if names else None


def _aliases(processes: Sequence[AbstractProcess], encoder: Encoder) -> Iterable[Node]:
    for process in processes:
        for var in process.vars:
            other = var.aliased_var
            if other is not None and encoder.is_saved(other.process):
                ends = (var, other)
                yield [[encoder.numbers[id(v.process)], v.name] for v in ends]
