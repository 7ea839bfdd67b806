"""Processes with numpy models whose methods a test gives as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import lava_torch as lt
from lava_torch.core import implements

SHAPE = (2,)
ONES = np.ones(SHAPE)


def always(self: Any) -> bool:
    """A guard that asks for its phase in each step."""
    return True


def numpy_node(
    name: str,
    *,
    ins: Iterable[str] = (),
    outs: Iterable[str] = (),
    refs: Iterable[str] = (),
    shape: tuple[int, ...] = SHAPE,
    base: type = lt.PyLoihiProcessModel,
    **methods: Callable[[Any], Any],
) -> lt.AbstractProcess:
    """A Process with these ports and a Var `state`, and a model with these methods."""
    ins, outs, refs = tuple(ins), tuple(outs), tuple(refs)
    kinds = ((ins, lt.InPort), (outs, lt.OutPort), (refs, lt.RefPort))

    class Node(lt.AbstractProcess):
        def __init__(self) -> None:
            super().__init__(name=name)
            self.state = lt.Var(shape, 0)
            for names, kind in kinds:
                for port in names:
                    setattr(self, port, kind(shape))

    declared: dict[str, Any] = {"state": lt.LavaPyType(np.ndarray, float)}
    for names, kind in ((ins, lt.PyInPort), (outs, lt.PyOutPort), (refs, lt.PyRefPort)):
        declared |= {port: lt.LavaPyType(kind.VEC_DENSE, float) for port in names}
    model = type(f"{name.capitalize()}Model", (base,), declared | methods)
    Node.its_model = implements(Node)(model)  # nothing else holds on to it
    return Node()


def asynchronous(name: str, **kwargs: Any) -> lt.AbstractProcess:
    """A `numpy_node` without phases."""
    return numpy_node(name, base=lt.PyAsyncProcessModel, **kwargs)


def sender(name: str = "sender", **methods: Callable[[Any], Any]) -> lt.AbstractProcess:
    """Sends its time step in each step from `out`."""
    methods.setdefault("run_spk", lambda self: self.out.send(ONES * self.time_step))
    return numpy_node(name, outs=["out"], **methods)


def receiver(name: str = "receiver", **methods: Callable[[Any], Any]) -> lt.AbstractProcess:
    """Keeps in `state` the last message that came to `inp`."""
    methods.setdefault("run_spk", _keep)
    return numpy_node(name, ins=["inp"], **methods)


def _keep(self: Any) -> None:
    self.state = self.inp.recv()


def pair(**methods: Callable[[Any], Any]) -> tuple[lt.AbstractProcess, lt.AbstractProcess]:
    """A sender and a receiver with these methods, connected."""
    first, second = sender(), receiver(**methods)
    first.out.connect(second.inp)
    return first, second


def fails(process, condition=None, error=RuntimeError) -> BaseException:
    """What a run of five steps raises, or another one to its end."""
    with pytest.raises(error) as caught:
        process.run(condition or lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg())
        process.wait()
    return caught.value
