"""What a benchmark measured, as text and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lava_torch import environment

OURS = "lava_torch"


class BenchError(ValueError):
    """A benchmark cannot be run as it was asked for."""


@dataclass(frozen=True)
class Timing:
    """Repeated measurements of one thing, in the report's unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_dict(self) -> dict[str, Any]:
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
        }


@dataclass(frozen=True)
class Floor:
    """The least that the work can take: what it has to read and write, at copy bandwidth.

    Attributes
    ----------
    value : in the report's unit.
    moved : bytes that a step (a run, an event: what the unit counts) has to move.
    bandwidth : of copies within as much memory as the work goes over, in bytes a second.
    """

    value: float
    moved: float
    bandwidth: float


@dataclass(frozen=True)
class Row:
    """One case of a benchmark.

    Attributes
    ----------
    case : what distinguishes it, such as {"n": 100, "precision": "fixed_pt"}.
    timings : by contender, "lava_torch" first, then its peers.
    build_ms : by contender, what making and compiling the network and its first step took,
        apart from the timings.
    facts : what else was counted, such as spikes a step.
    floor : what lava_torch's timing cannot go below.
    profile : microseconds a step of each operation, where the table ran it.
    """

    case: dict[str, Any]
    timings: dict[str, Timing]
    build_ms: dict[str, float]
    facts: dict[str, float] = field(default_factory=dict)
    floor: Floor | None = None
    profile: dict[str, float] = field(default_factory=dict)

    def ratio(self, peer: str) -> float:
        """lava_torch's median over the peer's: below 1, lava_torch is faster."""
        return self.timings[OURS].median / self.timings[peer].median

    @property
    def ratio_to_floor(self) -> float | None:
        return self.timings[OURS].median / self.floor.value if self.floor else None

    def as_dict(self) -> dict[str, Any]:
        peers = [name for name in self.timings if name != OURS]
        return {
            "case": self.case,
            "timings": {name: timing.as_dict() for name, timing in self.timings.items()},
            "ratio_to": {name: self.ratio(name) for name in peers},
            "build_ms": self.build_ms,
            "facts": self.facts,
            "floor": self.floor and {**asdict(self.floor), "ratio": self.ratio_to_floor},
            "profile_us": self.profile,
        }


@dataclass(frozen=True)
class Report:
    """A benchmark's rows with all that they depend on. `unit` is that of the timings."""

    benchmark: str
    summary: str
    unit: str
    settings: dict[str, Any]
    rows: list[Row]
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def as_dict(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "summary": self.summary,
            "date": self.date,
            "machine": environment.machine().as_dict(),
            "versions": environment.versions(),
            "settings": self.settings,
            "unit": self.unit,
            "rows": [row.as_dict() for row in self.rows],
        }

    def write(self, path: Path) -> None:
        """Write `as_dict()` as JSON; OSError if the file cannot be written."""
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n")

    def _beside(self) -> str:
        build = any(row.build_ms for row in self.rows)
        floor = any(row.floor for row in self.rows)
        return ("; build (make, compile, first step) in ms, beside" if build else "") + (
            "; floor: bytes that must move / copy bandwidth" if floor else ""
        )

    def text(self) -> str:
        """The report for a terminal."""
        machine = environment.machine()
        gpus = ", ".join(machine.gpus) or "no GPU"
        names = [f"{name} {value}" for name, value in environment.versions().items()]
        given = {name: value for name, value in self.settings.items() if value is not None}
        options = [f"{name} {value}" for name, value in given.items()]
        head = [
            f"{self.benchmark}: {self.summary}",
            f"{machine.cpu}, cores {machine.cores}, threads {machine.threads}, {gpus}",
            ", ".join(names),
            ", ".join(options),
            f"medians in {self.unit}{self._beside()}",
        ]
        cells = [_cells(row) for row in self.rows]
        columns = list(dict.fromkeys(name for row in cells for name in row))
        rows = [columns, *([row.get(name, "-") for name in columns] for row in cells)]
        profiles = [_profile(row) for row in self.rows if row.profile]
        return "\n".join([*head, "", *table(rows), *(["", *profiles] if profiles else [])])


def _profile(row: Row) -> str:
    """Where a step's time goes, in one line."""
    case = ", ".join(f"{name} {value}" for name, value in row.case.items())
    total = sum(row.profile.values())
    parts = (
        f"{name} {_number(value, 3)} ({value / total:.0%})" for name, value in row.profile.items()
    )
    return f"profile of {case}, us: {', '.join(parts)}"


def _cells(row: Row) -> dict[str, str]:
    cells = {name: str(value) for name, value in row.case.items()}
    for name, timing in row.timings.items():
        cells[name] = _number(timing.median)
        if name != OURS:
            cells[f"/ {name}"] = _number(row.ratio(name), 3) + "x"
    if row.floor:
        cells |= {
            "floor": _number(row.floor.value),
            "/ floor": _number(row.ratio_to_floor, 3) + "x",
        }
    cells |= {f"build {name}": _number(value) for name, value in row.build_ms.items()}
    return cells | {name: _number(value) for name, value in row.facts.items()}


def table(rows: Sequence[Sequence[str]], align: Callable[[str, int], str] = str.rjust) -> list[str]:
    """The lines of a table whose columns are aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(align(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _number(value: float, digits: int = 4) -> str:
    """That many significant digits, without an exponent."""
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    return f"{value:.{digits}g}"
