"""The state of a Process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from lava_torch.core.member import AbstractProcessMember
from lava_torch.core.servers import ObjectServer

if TYPE_CHECKING:
    from lava_torch.core.engine import Runtime
    from lava_torch.core.ports import ImplicitVarPort

Value = ArrayLike | str | scipy.sparse.spmatrix | scipy.sparse.sparray


class Var(AbstractProcessMember):
    """A variable of a Process: part of its state, or a parameter that can be read and set.

    The model that the compiler selects holds the value, in a dtype of its own; `get` and `set`
    reach it through the Process's runtime.

    Parameters
    ----------
    shape : tuple of ints.
    init : the first value: a number, or an array that broadcasts to `shape` (when compiled), a
        scipy sparse matrix or a `lava_torch.CSR` of `shape`, or a str.
    shareable : whether RefPorts and VarPorts can reach it.
    name : name for messages until a Process names it after its attribute.

    Attributes
    ----------
    id : number of the Var, counted from 0 (see VarServer).
    aliased_var : the Var that this one stands for, or None.
    model : what the engine keeps for this Var, or None.

    Raises
    ------
    AssertionError : `shape` is not a tuple of ints.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        init: Value = 0,
        shareable: bool = True,
        name: str = "Unnamed variable",
    ) -> None:
        super().__init__(shape)
        self.init = init
        self.shareable = shareable
        self.name = name
        self.id: int = VarServer().register(self)
        self.aliased_var: Var | None = None
        self.model: Any = None
        #: Implicit VarPorts made before the Var had a Process, which then takes them in.
        self.waiting_ports: list[ImplicitVarPort] = []

    def alias(self, other_var: Var) -> None:
        """Stand for `other_var`, a Var of a sub-process: get and set go there.

        Raises AssertionError unless `other_var` is another Var of the same shape and the same
        `shareable`. That it belongs to a sub-process is checked when the network is compiled.
        """
        if not isinstance(other_var, Var):
            raise AssertionError(f"'{self.label}' can only alias a Var; got {other_var!r}.")
        if self.shape != other_var.shape:
            raise AssertionError(
                f"'{self.label}' of shape {self.shape} cannot alias '{other_var.label}' of shape "
                f"{other_var.shape}: the shapes must be equal."
            )
        if self.shareable != other_var.shareable:
            raise AssertionError(
                f"'{self.label}' (shareable={self.shareable}) cannot alias '{other_var.label}' "
                f"(shareable={other_var.shareable}): both must be shareable or neither."
            )
        if other_var.resolved() is self:
            raise AssertionError(f"'{self.label}' and '{other_var.label}' would alias each other.")
        self.aliased_var = other_var

    def validate_alias(self) -> None:
        """AssertionError if the aliased Var's Process is no sub-process of this Var's Process."""
        other = self.aliased_var
        if other is None:
            return
        if other.process is None or not other.process.is_sub_proc_of(self.process):
            raise AssertionError(
                f"'{self.label}' aliases '{other.label}', which must belong to a sub-process of "
                f"'{getattr(self.process, 'name', None)}'."
            )

    def resolved(self) -> Var:
        """The Var at the end of the aliases: itself if it aliases none."""
        return self if self.aliased_var is None else self.aliased_var.resolved()

    def get(self, idx: Any = None) -> Any:
        """The value: float64 of `shape`, a str, or a CSR matrix; with `idx`, the part at that
        index.

        Before there is a runtime this is `init` as it was given. While a non-blocking run is on, it
        is None. `idx` is any NumPy index; 0 is the first element.

        Raises
        ------
        RuntimeError : the network was stopped.
        IndexError : `idx` is out of range.
        """
        var = self.resolved()
        runtime = var._runtime()
        return var._initial(idx) if runtime is None else runtime.get(var, idx)

    def set(self, value: Value, idx: Any = None) -> None:
        """Write the value, or the part of it at `idx`; ignored while a non-blocking run is on.

        `value` is a number or an array that broadcasts to `shape` (or to the part at `idx`); for a
        Var whose `init` is sparse a sparse matrix with the same stored positions, for one whose
        `init` is a str a str. Floats become integers toward zero where the model holds integers.

        Raises
        ------
        ValueError : there is no runtime yet, or the value does not fit.
        RuntimeError : the network was stopped.
        IndexError : `idx` is out of range.
        """
        var = self.resolved()
        runtime = var._runtime()
        if runtime is None:
            raise ValueError(
                f"Var '{var.label}' cannot be set before its network runs: give its value to the "
                f"constructor, or call create_runtime() or run() first."
            )
        runtime.set(var, value, idx)

    def _runtime(self) -> Runtime | None:
        runtime = None if self.process is None else self.process.runtime
        if runtime is not None and runtime.is_stopped:
            raise RuntimeError(
                f"Var '{self.label}' has no value any more: its network was stopped. Read it "
                f"before stop()."
            )
        return runtime

    def _initial(self, idx: Any) -> Any:
        if idx is None:
            return self.init
        if isinstance(self.init, str) or scipy.sparse.issparse(self.init):
            return self.init[idx]
        if hasattr(self.init, "to_scipy"):  # a lava_torch.CSR
            return self.init.to_scipy()[idx]
        return np.broadcast_to(self.init, self.shape)[idx]

    def __repr__(self) -> str:
        return (
            f"Var '{self.label}' of shape {self.shape}, init {self.init!r}, "
            f"shareable={self.shareable}"
        )


class VarServer(ObjectServer):
    """Numbers the Vars, from 0. There is one; `reset_server()` starts it anew."""

    @property
    def vars(self) -> list[Var]:
        """The registered Vars that are still in use, in the order of their ids."""
        return self._alive()

    @property
    def num_vars(self) -> int:
        """How many Vars were registered."""
        return self._next_id

    def register(self, var: Var) -> int:
        """Register a Var and return its id; AssertionError for anything else."""
        if not isinstance(var, Var):
            raise AssertionError(f"Only a Var can be registered here; got {var!r}.")
        return self._add(var)
