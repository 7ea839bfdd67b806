"""The text of generated kernels."""

from __future__ import annotations

from collections.abc import Iterable


def indented(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The lines of a block so many levels deeper."""
    return ["    " * levels + line for line in lines]
