"""Processes from JSON: all is checked before the first is made."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lava_torch.core.making import noting_parts
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.io.checkpoint.decoding import (
    Decoder,
    checked_shape,
    expect,
    fields_of,
    member_of,
    resolve,
)
from lava_torch.io.checkpoint.describe import PORT_KINDS
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.values import Node
from lava_torch.io.checkpoint.wiring import Wiring, disconnect_all
from lava_torch.kernels.spike import CSR


class ProcessNode:
    """What a checkpoint says about one Process."""

    def __init__(self, node: Node, decoder: Decoder) -> None:
        keys = "class name part args kwargs params vars ports parent extra".split()
        fields = fields_of(node, "a Process", *keys)
        self.name = expect(fields["name"], str, "the name of a Process")
        try:
            self._read(fields, decoder)
        except CheckpointError as error:
            raise CheckpointError(f"Process '{self.name}': {error}") from error.__cause__

    def _read(self, fields: Mapping[str, Any], decoder: Decoder) -> None:
        self.cls = decoder.classes.find(fields["class"], AbstractProcess)
        self.part = _checked_part(fields["part"], decoder)
        self.args = [decoder.decode(arg) for arg in expect(fields["args"], list, "arguments")]
        self.kwargs = _decoded(fields["kwargs"], "arguments", decoder)
        self.params = _decoded(fields["params"], "parameters", decoder)
        self.vars = {
            _member_name(name): VarNode(var, decoder)
            for name, var in expect(fields["vars"], dict, "Vars").items()
        }
        self.ports = {
            _member_name(name): PortEntry(port)
            for name, port in expect(fields["ports"], dict, "ports").items()
        }
        self.parent = None
        if fields["parent"] is not None:
            number, name = expect(fields["parent"], list, "a parent", 2)
            self.parent = decoder.number(number), expect(name, str, "a name")
        extra = fields["extra"]
        self.extra = None if extra is None else [decoder.decode(expect(extra, list, "", 1)[0])]


class VarNode:
    """What a checkpoint says about a Var."""

    def __init__(self, node: Node, decoder: Decoder) -> None:
        fields = fields_of(node, "a Var", "shape", "shareable", "init")
        self.shape = checked_shape(fields["shape"])
        self.shareable = expect(fields["shareable"], bool, "a bool")
        self.init = decoder.decode(fields["init"])

    @property
    def is_sparse(self) -> bool:
        return isinstance(self.init, CSR) or scipy.sparse.issparse(self.init)


class PortEntry:
    """What a checkpoint says about a port."""

    def __init__(self, node: Node) -> None:
        fields = fields_of(node, "a port", "kind", "shape", "var", "pipe")
        self.kind = expect(fields["kind"], str, "a kind of port")
        if self.kind not in PORT_KINDS:
            raise CheckpointError(f"there is no kind of port '{self.kind}'")
        self.shape = checked_shape(fields["shape"])
        of_var = self.kind in ("var", "implicit")
        self.var = expect(fields["var"], str if of_var else type(None), "the Var of a port")
        self.pipe = fields["pipe"]
        if self.kind in ("in", "out"):
            flag, size = expect(self.pipe, list, "a pipe", 2)
            expect(flag, bool, "a bool"), expect(size, int, "a size")
        else:
            expect(self.pipe, type(None), "nothing")


class Topology:
    """The Processes of a checkpoint and their connections, checked; `build` makes them."""

    def __init__(self, structure: Mapping[str, Any], decoder: Decoder) -> None:
        nodes = expect(structure["processes"], list, "the Processes")
        self.nodes = [ProcessNode(node, decoder) for node in nodes]
        roots = expect(structure["roots"], list, "the roots")
        self.roots = [decoder.number(number) for number in roots]
        if not self.roots and structure["state"] is None:
            raise CheckpointError("no Process was saved")
        self.aliases = [
            tuple(_checked_end(end, decoder) for end in expect(alias, list, "an alias", 2))
            for alias in expect(structure["aliases"], list, "the aliases")
        ]
        self.wiring = Wiring(structure["wiring"], decoder)
        self._made: list[AbstractProcess | None] = [None] * len(self.nodes)
        self._parts: dict[int, list[weakref.ref[AbstractProcess]]] = {}

    def made(self, number: int) -> AbstractProcess:
        """A Process that was made already; CheckpointError if it comes later."""
        node, process = self.nodes[number], self._made[number]
        if process is None and node.part is not None:
            owner, place = node.part
            process = self._part(self.made(owner), place) if owner != number else None
            self._made[number] = process
        if process is None:
            raise CheckpointError(f"Process '{node.name}' is needed before it can be made")
        return process

    def _part(self, owner: AbstractProcess, place: int) -> AbstractProcess:
        parts = owner._parts
        process = parts[place]() if 0 <= place < len(parts) else None
        if process is None:
            raise CheckpointError(
                f"the constructor of '{owner.name}' makes {len(parts)} Processes, none of them "
                f"number {place}, as it did when it was saved"
            )
        return process

    def build(self) -> list[AbstractProcess]:
        """Make the Processes, in the order in which they were made first."""
        for number, node in enumerate(self.nodes):
            if node.part is None:
                self._made[number] = self._new(node)
        processes = [self.made(number) for number in range(len(self.nodes))]
        if len(set(map(id, processes))) != len(processes):
            raise CheckpointError("two of its Processes are one")
        for process, node in zip(processes, self.nodes, strict=True):
            if type(process) is not node.cls:
                raise CheckpointError(f"Process '{node.name}' is no {node.cls.__name__} now")
            self._adapt(process, node)
        self._tie(processes)
        return processes

    def _new(self, node: ProcessNode) -> AbstractProcess:
        args, kwargs = (resolve(part, self.made) for part in (node.args, node.kwargs))
        try:
            with noting_parts():  # it is no part of whatever calls this
                return node.cls(*args, **kwargs)
        except Exception as error:
            raise CheckpointError(
                f"Process '{node.name}' cannot be made by the constructor of "
                f"{node.cls.__name__} any more: {type(error).__name__}: {error}"
            ) from error

    def _adapt(self, process: AbstractProcess, node: ProcessNode) -> None:
        """Give a Process what it was given after its constructor."""
        process.name = node.name
        for name, value in node.params.items():
            value = resolve(value, self.made)
            parameters = process.proc_params._parameters
            if name not in parameters or not same(parameters[name], value):
                process.proc_params.overwrite(name, value)
        for name, var in node.vars.items():
            _adapt_var(process, name, var)
        process._post_init()
        for name, port in node.ports.items():
            _adapt_port(process, name, port)
        process._post_init()

    def _tie(self, processes: list[AbstractProcess]) -> None:
        disconnect_all(processes)
        for process, node in zip(processes, self.nodes, strict=True):
            if node.parent is not None and process.parent_proc is not self.made(node.parent[0]):
                self.made(node.parent[0]).register_sub_procs({node.parent[1]: process})
        for ends in self.aliases:
            var, other = (member_of(self.made(number), name) for number, name in ends)
            if not (isinstance(var, Var) and isinstance(other, Var)):
                raise CheckpointError("an alias is one of what are no Vars")
            if var.aliased_var is not other:
                var.alias(other)
        self.wiring.connect(self.made)
        for process, node in zip(processes, self.nodes, strict=True):
            if node.extra is not None:
                process.set_extra_state(resolve(node.extra[0], self.made))


def _adapt_var(process: AbstractProcess, name: str, node: VarNode) -> None:
    var = process.vars._members.get(name)
    if var is None:
        _check_free(process, name)
        setattr(process, name, Var(node.shape, node.init, node.shareable))
        return
    if var.shape != node.shape:
        raise CheckpointError(
            f"Var '{var.label}' has shape {var.shape} now, and had {node.shape} when it was saved"
        )
    var.init = node.init


def _adapt_port(process: AbstractProcess, name: str, node: PortEntry) -> None:
    groups = (process.in_ports, process.out_ports, process.ref_ports, process.var_ports)
    found = [g._members[name] for g in groups if name in g._members]
    fits = [p for p in found if isinstance(p, PORT_KINDS[node.kind]) and p.shape == node.shape]
    port = fits[0] if fits else None
    if port is None:
        if found:  # replaced after the constructor, by one of another shape
            for group in groups:
                group.remove_members(found)
            delattr(process, name)
        _check_free(process, name)
        port = _new_port(process, name, node)
    if node.pipe is not None:
        port.external_pipe_flag, port.external_pipe_buffer_size = node.pipe


def _new_port(process: AbstractProcess, name: str, node: PortEntry) -> Any:
    cls = PORT_KINDS[node.kind]
    if node.var is None:
        port = cls(node.shape)
    else:
        port = cls(member_of(process, node.var))
        if port.shape != node.shape:
            raise CheckpointError(f"port '{process.name}.{name}' does not have its Var's shape")
    setattr(process, name, port)
    return port


def _check_free(process: AbstractProcess, name: str) -> None:
    if hasattr(process, name):
        raise CheckpointError(f"Process '{process.name}' has something else named '{name}' now")


def same(a: Any, b: Any) -> bool:
    """Whether two values say the same; False where that is not known."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a.detach().cpu(), b.detach().cpu())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return isinstance(a, (bool, int, float, complex, str, bytes)) and a == b


def _decoded(node: Node, what: str, decoder: Decoder) -> dict[str, Any]:
    return {name: decoder.decode(value) for name, value in expect(node, dict, what).items()}


def _member_name(name: str) -> str:
    if not name.isidentifier() or (name.startswith("__") and name.endswith("__")):
        raise CheckpointError(f"'{name}' cannot be the name of a Var or port")
    return name


def _checked_part(node: Node, decoder: Decoder) -> tuple[int, int] | None:
    if node is None:
        return None
    owner, place = expect(node, list, "a part", 2)
    return decoder.number(owner), expect(place, int, "the number of a part")


def _checked_end(node: Node, decoder: Decoder) -> tuple[int, str]:
    number, name = expect(node, list, "a Var", 2)
    return decoder.number(number), expect(name, str, "the name of a Var")
