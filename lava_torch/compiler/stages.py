"""In which stages the compiled models of a step run, between numpy models."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lava_torch.compiler.wiring import Key, Wire


@dataclass(frozen=True)
class Stage:
    """Calls of compiled models that can run when `needs`, OutPorts of numpy models, have sent."""

    wires: tuple[Wire, ...]
    needs: frozenset[Key]


def make_stages(wires: Iterable[Wire], given: Iterable[Key]) -> tuple[Stage, ...]:
    """The stages of the spiking phase, in an order in which they can run.

    `given` are the OutPorts of numpy models that compiled ones receive from. What sends in a step
    is in one stage with what needs the same of them, so that no stage waits for more than one of
    its calls does alone. What only receives comes last, when all has been sent: it overwrites what
    was sent.
    """
    given, wires = frozenset(given), tuple(wires)
    needs: dict[str, frozenset[Key]] = {}
    stages: dict[frozenset[Key], list[Wire]] = {}
    for wire in (w for w in wires if w.sends):
        needs[wire.node] = _needs(wire, needs, given) if wire.receives else frozenset()
        stages.setdefault(needs[wire.node], []).append(wire)
    absorbing = [w for w in wires if not w.sends]
    last = frozenset(key for w in wires for key in _sources(w) if key in given)
    ordered = sorted(stages.items(), key=lambda item: len(item[0]))
    found = [Stage(tuple(calls), needed) for needed, calls in ordered]
    return (*found, *([Stage(tuple(absorbing), last)] if absorbing else []))


def _needs(wire: Wire, known: dict[str, frozenset[Key]], given: frozenset[Key]) -> frozenset[Key]:
    found: frozenset[Key] = frozenset()
    for key in _sources(wire):
        found |= {key} if key in given else known.get(key[0], frozenset())
    return found


def _sources(wire: Wire) -> Iterable[Key]:
    return (source for _, _, links in wire.inputs for source, _ in links)
