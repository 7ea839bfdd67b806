"""Equations: one function of scalars, and a body per backend."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lava_torch.kernels.equation import layout
from lava_torch.kernels.equation.graph import CONDITION, Graph
from lava_torch.kernels.equation.layout import SMALL_DTYPES, Plan
from lava_torch.kernels.equation.reference import compute_dtype
from lava_torch.kernels.equation.trace import trace

#: The body that serves the tensors of a device where no gradient is recorded.
BACKENDS = {"cpu": "numba", "cuda": "triton"}

_registry: weakref.WeakSet[Equation] = weakref.WeakSet()


class Equation:
    """A function of scalars that runs on whole tensors, on every backend.

    `fn` takes positional arguments, `arguments` by name, and returns a value or a tuple of values.
    It is built of operators, the primitives of this package, Python numbers, and whatever calls,
    loops and branches do not depend on the arguments' values. `name` is by default the function's.

    Raises TypeError where the arguments cannot be told from the function's signature.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        arguments: Sequence[str] | None = None,
    ) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.name = name or getattr(fn, "__name__", type(fn).__name__)
        self.arguments = tuple(arguments) if arguments else _argument_names(fn, self.name)
        self._graphs: dict[torch.dtype, Graph] = {}
        _registry.add(self)

    def __repr__(self) -> str:
        return f"<equation {self.name}({', '.join(self.arguments)})>"

    def __reduce__(self) -> str:
        """Equations are pickled by name, and copied as themselves, as functions are."""
        return getattr(self, "__qualname__", self.name)

    def __call__(self, *values: Any) -> Any:
        """The function itself: the torch body on tensors (with gradients), else on plain numbers.

        Within another equation it becomes a part of that one.
        """
        tensors = (v for v in values if isinstance(v, Tensor) and v.dtype not in SMALL_DTYPES)
        first = next(tensors, None)
        if first is None:
            return self.fn(*values)
        with compute_dtype(first.dtype):
            return self.fn(*values)

    def trace(self, dtype: torch.dtype) -> Graph:
        """What the equation computes in float32, float64 or int32.

        Raises EquationError where it does what not every backend can, ValueError for other dtypes.
        """
        if dtype not in self._graphs:
            self._graphs[dtype] = trace(self.fn, self.name, self.arguments, dtype)
        return self._graphs[dtype]

    def apply(
        self, *tensors: Tensor, out: Sequence[Tensor | None] | None = None
    ) -> tuple[Tensor, ...]:
        """The results for tensors that broadcast, one tensor of the full shape each.

        The torch body runs where autograd is on and an argument requires a gradient, else the numba
        body on CPU tensors and the Triton body on CUDA (or ROCm) tensors. All arguments have one
        dtype, float32, float64 or int32; bool and uint8 are cast to it. Results have that dtype
        too, and bool where they are conditions. `out` gives contiguous tensors of the full shape to
        write to instead: of that dtype (spikes and conditions also to bool or uint8), each of them
        either apart from all arguments or exactly one of the full shape.

        Raises TypeError for a wrong number or dtype of arguments; ValueError for shapes that do not
        broadcast, several devices, a device without a body, or an `out` that does not fit;
        EquationError as `trace`.
        """
        return self._run(None, tensors, out)

    def body(self, backend: str) -> Callable[..., tuple[Tensor, ...]]:
        """`apply` by one backend, "torch", "numba" or "triton", whatever the device says.

        The numba body takes CPU tensors, the Triton body CUDA tensors (and CPU tensors under
        TRITON_INTERPRET=1); they raise ValueError for others, and RuntimeError where a gradient
        would be recorded. An unknown backend is a ValueError.
        """
        if backend not in ("torch", "numba", "triton"):
            raise ValueError(f"There is no backend '{backend}'; give torch, numba or triton.")

        def run(*tensors: Tensor, out: Sequence[Tensor | None] | None = None) -> Any:
            return self._run(backend, tensors, out)

        return run

    def _run(
        self, forced: str | None, tensors: Sequence[Tensor], out: Sequence[Tensor | None] | None
    ) -> tuple[Tensor, ...]:
        layout.check_arguments(self.name, self.arguments, tensors)
        plan = layout.plan(self.name, self.arguments, tensors)
        graph = self.trace(plan.dtype)
        device = tensors[0].device
        # Tensors inside torch.func's transforms have no memory that a kernel could read.
        transformed = torch._C._are_functorch_transforms_active()
        recorded = transformed or (
            torch.is_grad_enabled() and any([t.requires_grad for t in tensors])
        )
        backend = forced or ("torch" if recorded else _backend(self.name, device))
        if backend == "torch":
            return self._run_torch(graph, plan, tensors, out)
        if recorded:
            raise RuntimeError(
                f"equation '{self.name}': the {backend} body has no gradient; use torch.no_grad() "
                "or body('torch')."
            )
        run = _runner(self.name, backend, device)
        arguments = layout.contiguous(plan, tensors)
        results = layout.results(graph, plan, arguments, out)
        if plan.batch * plan.size:
            run(graph, plan, arguments, results)
        return _returned(results.tensors, out)

    def _run_torch(
        self,
        graph: Graph,
        plan: Plan,
        tensors: Sequence[Tensor],
        out: Sequence[Tensor | None] | None,
    ) -> tuple[Tensor, ...]:
        values = self(*(t.to(plan.dtype) if t.dtype in SMALL_DTYPES else t for t in tensors))
        values = values if isinstance(values, tuple | list) else (values,)
        device = tensors[0].device
        kinds = zip(values, graph.output_kinds, strict=True)
        full = tuple(_full(value, kind, plan, device) for value, kind in kinds)
        if out is None:
            return full
        if any(value.requires_grad for value in full):
            raise RuntimeError(
                f"equation '{self.name}': out= cannot be written to while a gradient is recorded; "
                "use torch.no_grad(), or take the results that apply returns."
            )
        results = layout.results(graph, plan, layout.contiguous(plan, tensors), out)
        # A result may be an argument itself, which an earlier result is about to be written to.
        for tensor, value in zip(results.tensors, [v.clone() for v in full], strict=True):
            tensor.copy_(value)
        return _returned(results.tensors, out)


def equation(fn: Callable[..., Any]) -> Equation:
    """Makes a function of scalars an `Equation`, named after it. See there."""
    return Equation(fn)


def equations() -> tuple[Equation, ...]:
    """All equations that exist, by name."""
    return tuple(sorted(_registry, key=lambda e: e.name))


def _argument_names(fn: Callable[..., Any], name: str) -> tuple[str, ...]:
    parameters = inspect.signature(fn).parameters.values()
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    for parameter in parameters:
        if parameter.kind not in plain or parameter.default is not parameter.empty:
            raise TypeError(
                f"equation '{name}': parameter '{parameter}' is not a plain positional one; name "
                "the arguments by Equation(fn, arguments=(...)), and constants by a closure."
            )
    if not parameters:
        raise TypeError(f"equation '{name}' takes no arguments; it needs one at least.")
    return tuple(p.name for p in parameters)


def _backend(name: str, device: torch.device) -> str:
    if device.type not in BACKENDS:
        raise ValueError(
            f"equation '{name}' has no body for {device}, only for cpu and cuda; "
            "body('torch') runs it in plain torch."
        )
    return BACKENDS[device.type]


@functools.cache
def _runner(name: str, backend: str, device: torch.device) -> Callable[..., None]:
    """The function that runs a body. What it needs is imported only here."""
    if backend == "numba":
        from lava_torch.kernels.equation import cpu

        if device.type != "cpu":
            raise ValueError(f"equation '{name}': the numba body takes CPU tensors, not {device}.")
        return cpu.run
    from lava_torch.kernels.equation import gpu
    from lava_torch.kernels.launch import interpreted

    if device.type != "cuda" and not (device.type == "cpu" and interpreted()):
        raise ValueError(
            f"equation '{name}': the Triton body takes CUDA tensors, not {device}; set "
            "TRITON_INTERPRET=1 before the first import of triton to try it on CPU tensors."
        )
    return gpu.run


def _full(value: Any, kind: str, plan: Plan, device: torch.device) -> Tensor:
    """A result of the torch body as a tensor of the full shape."""
    dtype = torch.bool if kind == CONDITION else plan.dtype
    if not isinstance(value, Tensor):
        return torch.full(plan.shape, value, dtype=dtype, device=device)
    return value.to(dtype).expand(plan.shape).contiguous()


def _returned(
    tensors: tuple[Tensor, ...], out: Sequence[Tensor | None] | None
) -> tuple[Tensor, ...]:
    """The caller's own tensors where there are any."""
    given = out or (None,) * len(tensors)
    return tuple(t if o is None else o for t, o in zip(tensors, given, strict=True))
