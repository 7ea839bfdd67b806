"""An equation as a list of typed operations (static single assignment), and its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

#: The dtypes that an equation can be computed in.
COMPUTE_DTYPES = (torch.float32, torch.float64, torch.int32)

NUMBER = "number"
CONDITION = "condition"
#: 0 or 1: a condition to `where` and in memory, a number of the compute dtype in arithmetic.
SPIKE = "spike"


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. `value` is the constant, or the position of the argument."""

    op: str
    kind: str
    operands: tuple[int, ...] = ()
    value: int | float | None = None


@dataclass(frozen=True)
class Dialect:
    """How a backend spells operations.

    `templates` maps an operation (or `<operation>_float32`, `<operation>_float`, `<operation>_int`
    where these differ) to its text, in which `{0}`, `{1}`, ... are the operands and `{T}` is the
    compute dtype. `constant` is the same for a number, `{0}`, and `condition` for True or False;
    `specials` spell inf, -inf and nan.
    """

    types: Mapping[torch.dtype, str]
    templates: Mapping[str, str]
    constant: str
    condition: str
    specials: Mapping[str, str]

    def expression(self, op: str, dtype: torch.dtype, operands: Sequence[str]) -> str:
        family = "float" if dtype.is_floating_point else "int"
        keys = (f"{op}_{str(dtype).removeprefix('torch.')}", f"{op}_{family}", op)
        template = next(self.templates[k] for k in keys if k in self.templates)
        return template.format(*operands, T=self.types[dtype])

    def literal(self, node: Node, dtype: torch.dtype) -> str:
        if node.kind == CONDITION:
            return self.condition.format(bool(node.value))
        text = repr(node.value)
        return self.constant.format(self.specials.get(text, text), T=self.types[dtype])


@dataclass(frozen=True, eq=False)
class Graph:
    """What an equation computes in one dtype.

    `nodes` are in order of evaluation; `outputs` are positions in it, one a result. Every number is
    of `dtype`: no operation widens.
    """

    name: str
    dtype: torch.dtype
    arguments: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    #: What backends compiled from this graph, by layout.
    bodies: dict[Any, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def used(self) -> tuple[int, ...]:
        """Positions of the arguments that some result depends on."""
        return tuple(sorted(int(n.value) for n in self.nodes if n.op == "argument"))

    @cached_property
    def output_kinds(self) -> tuple[str, ...]:
        """`number`, `condition` or `spike`, one a result."""
        return tuple(self.nodes[i].kind for i in self.outputs)

    def emit(
        self, dialect: Dialect, arguments: Sequence[str], prefix: str = "x"
    ) -> tuple[list[str], list[str]]:
        """The text of the equation: its lines, one assignment each, and the results' expressions.

        `arguments` are the names under which the arguments are found, already of the compute dtype;
        the lines assign to `<prefix>0`, `<prefix>1`, ... and are meant for any loop around them.
        """
        lines: list[str] = []
        names: list[str] = []
        for node in self.nodes:
            if node.op == "argument":
                names.append(arguments[int(node.value)])
            elif node.op == "constant":
                names.append(dialect.literal(node, self.dtype))
            else:
                operands = [names[i] for i in node.operands]
                names.append(f"{prefix}{len(lines)}")
                lines.append(f"{names[-1]} = {dialect.expression(node.op, self.dtype, operands)}")
        return lines, [names[i] for i in self.outputs]


def prune(
    nodes: Sequence[Node], outputs: Sequence[int]
) -> tuple[tuple[Node, ...], tuple[int, ...]]:
    """The nodes that `outputs` depend on, renumbered, and the new positions of the outputs."""
    alive: set[int] = set()
    pending = list(outputs)
    while pending:
        index = pending.pop()
        if index not in alive:
            alive.add(index)
            pending.extend(nodes[index].operands)
    position = {old: new for new, old in enumerate(sorted(alive))}
    kept = tuple(
        Node(n.op, n.kind, tuple(position[i] for i in n.operands), n.value)
        for n in (nodes[old] for old in position)
    )
    return kept, tuple(position[i] for i in outputs)
