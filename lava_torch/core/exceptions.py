"""Errors of the Process API.

Each class is, or derives from, what Lava raises in that place, so that a script that catches Lava's
error also catches ours.
"""

from __future__ import annotations

from typing import Any


def _of(port: str) -> str:
    return f" of '{port}'" if port else ""


class ReshapeError(Exception):
    """A port cannot be reshaped: the number of elements would change."""

    def __init__(self, old_shape: tuple[int, ...], new_shape: tuple[int, ...], port: str = ""):
        super().__init__(
            f"Cannot reshape shape {old_shape}{_of(port)} to {new_shape}: the number of elements "
            f"must stay the same and no axis may be negative."
        )


class TransposeShapeError(Exception):
    """The axes of a transposition are not as many as the port has."""

    def __init__(self, old_shape: tuple[int, ...], axes: Any, port: str = ""):
        super().__init__(
            f"Cannot transpose shape {old_shape}{_of(port)} by axes {axes}: give each of its "
            f"{len(old_shape)} axes once."
        )


class TransposeIndexError(Exception):
    """An axis of a transposition is out of range or given twice."""

    def __init__(self, old_shape: tuple[int, ...], axes: Any, wrong_index: int, port: str = ""):
        super().__init__(
            f"Cannot transpose shape {old_shape}{_of(port)} by axes {axes}: axis {wrong_index} is "
            f"out of range or repeated; give each of the {len(old_shape)} axes once."
        )


class ConcatShapeError(Exception):
    """Ports to be concatenated differ in shape on another axis than the one they are joined on."""

    def __init__(self, shapes: Any, axis: int, ports: str = ""):
        super().__init__(
            f"Cannot concatenate shapes {shapes}{ports and f' of {ports}'} along axis {axis}: all "
            f"other axes must agree."
        )


class ConcatIndexError(Exception):
    """The axis of a concatenation is out of range."""

    def __init__(self, shape: tuple[int, ...], axis: int, port: str = ""):
        super().__init__(
            f"Cannot concatenate shape {shape}{_of(port)} along axis {axis}: it has "
            f"{len(shape)} axes."
        )


class DuplicateConnectionError(Exception):
    """Two ports are connected a second time."""

    def __init__(self, message: str = "These ports are connected already."):
        super().__init__(message)


class VarNotSharableError(Exception):
    """A RefPort or VarPort is asked for a Var made with `shareable=False`."""

    def __init__(self, var_name: str):
        super().__init__(
            f"Var '{var_name}' is not shareable: no RefPort or VarPort can reach it. Create it "
            f"with shareable=True."
        )


class PortShapeError(AssertionError):
    """Two ports with different shapes are connected."""


class PortKindError(AssertionError):
    """A port is connected to a kind of port that it cannot reach."""


class PortTypeError(TypeError):
    """A RefPort or VarPort is connected to something else than a RefPort or VarPort."""


class OneToOneError(AssertionError):
    """A RefPort or VarPort is given more than the one connection that it may have."""


class PortCycleError(AssertionError):
    """A port is connected to itself, directly or through other ports."""


class PortOwnerError(AssertionError):
    """A connected port belongs to no Process."""


class UnknownMemberError(AssertionError, AttributeError):
    """A Collection has no member of that name."""


class ProcessAlreadyCompiled(Exception):
    """A Process is compiled a second time while its network still stands."""

    def __init__(self, process: Any):
        super().__init__(
            f"Process '{process.name}' ({type(process).__name__}) is compiled already. Run it with "
            f"create_runtime(executable=...) and run(condition); if it has run, stop() it first."
        )


class CompiledConnectionError(ProcessAlreadyCompiled):
    """Two networks that stand are connected, or one that was compiled but does not run yet."""

    def __init__(self, message: str):
        Exception.__init__(self, message)


class NoProcessModelFound(Exception):
    """No ProcessModel implements a Process."""

    def __init__(self, process: Any, hint: str = ""):
        name, cls = getattr(process, "name", process), type(process).__name__
        super().__init__(
            f"No ProcessModel implements Process '{name}' ({cls}). "
            + (hint or f"Decorate one with @implements(proc={cls}), in the module of {cls}.")
        )


class ModelSelectionError(AssertionError):
    """A run config selects no ProcessModel for a Process; the message lists the candidates."""


class UnsupportedModelError(NotImplementedError):
    """The only ProcessModel of a Process cannot run on this backend."""
