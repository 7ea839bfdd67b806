"""Random calls of the ports, right and wrong, and runs of what they accept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lava_torch as lt
from lava_torch.core import (
    AbstractSubProcessModel,
    ConcatIndexError,
    ConcatShapeError,
    ConnectionConfig,
    DuplicateConnectionError,
    ReshapeError,
    TransposeIndexError,
    TransposeShapeError,
    VarNotSharableError,
    implements,
)
from lava_torch.core.ports import AbstractPort
from lava_torch.core.process_graph import all_ports

SHAPES = [(2,), (6,), (2, 3), (3, 2), (1, 2, 3), ()]
#: What the ports are documented to raise; ValueError is for the configs of connections.
REFUSALS = (
    AssertionError, TypeError, DuplicateConnectionError, ReshapeError, TransposeShapeError,
    TransposeIndexError, ConcatShapeError, ConcatIndexError, VarNotSharableError,
)  # fmt: skip

# -- Processes ------------------------------------------------------------------------------------


class Leaf(lt.AbstractProcess):
    """Two ports of each kind."""

    def __init__(self, shape, receives_first=False, **kwargs):
        super().__init__(shape=shape, receives_first=receives_first, **kwargs)
        self.in_0, self.in_1 = lt.InPort(shape), lt.InPort(shape)
        self.out_0, self.out_1 = lt.OutPort(shape), lt.OutPort(shape)
        self.ref_0, self.ref_1 = lt.RefPort(shape), lt.RefPort(shape)
        self.state, self.hidden = lt.Var(shape, 1), lt.Var(shape, 1, shareable=False)
        self.var_0, self.var_1 = lt.VarPort(self.state), lt.VarPort(self.state)


@implements(Leaf)
class LeafModel(lt.PyLoihiProcessModel):
    in_0 = in_1 = lt.LavaPyType(lt.PyInPort.VEC_DENSE, float)
    out_0 = out_1 = lt.LavaPyType(lt.PyOutPort.VEC_DENSE, float)
    ref_0 = ref_1 = lt.LavaPyType(lt.PyRefPort.VEC_DENSE, float)
    var_0 = var_1 = lt.LavaPyType(lt.PyVarPort.VEC_DENSE, float)
    state = hidden = lt.LavaPyType(np.ndarray, float)

    def run_spk(self):
        if self.proc_params["receives_first"]:
            self.receive()
        for port in (self.out_0, self.out_1):
            port.send(np.ones(port.shape))
        if not self.proc_params["receives_first"]:
            self.receive()

    def receive(self):
        for port in (self.in_0, self.in_1):
            assert port.recv().shape == port.shape

    def post_guard(self):
        return self.proc_params["receives_first"]

    def run_post_mgmt(self):
        for port in (self.ref_0, self.ref_1):
            value = port.read()
            assert value.shape == port.shape
            port.write(value + 1)


class Box(lt.AbstractProcess):
    """A Process made of a Leaf."""

    def __init__(self, shape, **kwargs):
        super().__init__(shape=shape, **kwargs)
        self.in_0, self.out_0, self.ref_0 = lt.InPort(shape), lt.OutPort(shape), lt.RefPort(shape)
        self.state = lt.Var(shape, 1)
        self.var_0 = lt.VarPort(self.state)


@implements(Box)
class BoxModel(AbstractSubProcessModel):
    def __init__(self, proc):
        self.leaf = Leaf(proc.proc_params["shape"], name=f"{proc.name}_leaf")
        proc.in_0.connect(self.leaf.in_0)
        self.leaf.out_0.connect(proc.out_0)
        self.leaf.ref_0.connect(proc.ref_0)
        proc.state.alias(self.leaf.state)


def lif(shape, **kwargs):
    """A compiled Process."""
    return lt.LIF(shape=shape, vth=0.5, bias_mant=1, **kwargs)


# -- programs -------------------------------------------------------------------------------------


class World:
    """Some Processes, and all ports and views of ports that a program can name."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.processes = []
        for number in range(self.draw(st.integers(2, 4))):
            kind = self.draw(st.sampled_from(["sends first", "receives first", "box", "lif"]))
            shape = self.draw(st.sampled_from(SHAPES))
            self.processes.append(self.make(kind, shape, f"p{number}"))
        self.ports = [port for process in self.processes for port in all_ports(process)]

    @staticmethod
    def make(kind: str, shape: tuple[int, ...], name: str) -> lt.AbstractProcess:
        if kind == "box":
            return Box(shape, name=name)
        if kind == "lif" and shape:  # neurons have a shape
            return lif(shape, name=name)
        return Leaf(shape, kind == "receives first", name=name)

    def port(self, like: AbstractPort | None = None) -> AbstractPort:
        """Any port; sometimes one that `like` can be connected with, or what is no port."""
        if like is not None and self.draw(st.integers(0, 2)):
            fitting = [p for p in self.ports if p.shape == like.shape]
            return self.draw(st.sampled_from(fitting))
        return self.draw(st.sampled_from(self.ports))

    def argument(self, like: AbstractPort):
        kind = self.draw(st.sampled_from(["one", "one", "one", "list", "self", "wrong"]))
        if kind == "self":
            return like
        if kind == "wrong":
            wrong = [None, 3, "port", [], [None], {}, self.processes[0], [like, 3], ()]
            return self.draw(st.sampled_from(wrong))
        if kind == "list":
            return [self.port(like) for _ in range(self.draw(st.integers(0, 3)))]
        return self.port(like)

    def config(self):
        if self.draw(st.integers(0, 4)):
            return None
        one = ConnectionConfig()
        return self.draw(st.sampled_from([one, [one], [one, None], [], 5, "config"]))

    def call(self) -> tuple[str, AbstractPort, tuple]:
        """A method of a port with its arguments."""
        port = self.port()
        names = ["connect", "connect", "connect_from", "reshape", "flatten", "transpose"]
        name = self.draw(st.sampled_from([*names, "concat_with", "connect_var"]))
        if name == "connect_var" and not isinstance(port, lt.RefPort):
            name = "connect"
        if name == "connect_from" and port.is_virtual:
            name = "connect"
        return name, port, self.arguments(name, port)

    def arguments(self, name: str, port: AbstractPort) -> tuple:
        if name in ("connect", "connect_from"):
            return self.argument(port), self.config()
        if name == "connect_var":
            variables = [var for process in self.processes for var in process.vars]
            one = st.sampled_from([*variables, *variables, None, 3, port])
            several = st.lists(one, max_size=2)
            return self.draw(st.one_of(one, one, one, several)), self.config()
        if name == "reshape":
            wrong = [6, [6], (-1,), (2.0, 3.0), ("a",), (None,), None, (6, "b"), (7,), "ab"]
            return (self.draw(st.sampled_from([*SHAPES, *SHAPES, *wrong])),)
        if name == "transpose":
            axes = [None, (0,), (1, 0), (0, 1), (2, 0, 1), (-1, 0), (), (0, 0), (5,), [1, 0]]
            wrong = [3, "ab", (0.5, 1), ("a", "b"), (None,), {}]
            return (self.draw(st.sampled_from([*axes, *axes, *wrong])),)
        if name == "concat_with":
            axis = st.sampled_from([0, 0, 0, 1, -1, 5, "a", None, 0.5])
            return self.argument(port), self.draw(axis)
        return ()


def snapshot(world: World) -> list:
    """How the ports are joined, and what the Processes have."""
    seen, waiting, found = set(), list(world.ports), []
    while waiting:
        port = waiting.pop()
        if id(port) in seen:
            continue
        seen.add(id(port))
        joined = [*port.in_connections, *port.out_connections]
        configs = [(id(p), id(c)) for p, c in port.connection_configs.items()]
        found.append((id(port), list(map(id, joined)), len(port.in_connections), configs))
        waiting += joined
    members = [(sorted(vars(p)), p.var_ports.member_names) for p in world.processes]
    return [sorted(found), members]


def check_still_connects(port: AbstractPort) -> None:
    """What was refused a wrong connection takes a right one."""
    peer = Leaf(port.shape, name="peer")
    if isinstance(port, lt.OutPort):
        port.connect(peer.in_0)
        source, target = port, peer.in_0
    elif isinstance(port, lt.InPort):
        port.connect_from(peer.out_0)
        source, target = peer.out_0, port
    else:
        return
    assert source.out_connections.pop() is target and target.in_connections.pop() is source


@contextmanager
def no_hang(seconds: int = 20) -> Iterator[None]:
    def handle(number, frame):
        pytest.fail("It hangs.")

    old = signal.signal(signal.SIGALRM, handle)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def names_a_port(text: str, world: World) -> bool:
    return any(f"{process.name}" in text for process in world.processes)


def perform(world: World) -> None:
    """One call; if it is refused nothing has changed."""
    name, port, arguments = world.call()
    before = snapshot(world)
    try:
        made = getattr(port, name)(*arguments)
    except REFUSALS as error:
        assert type(error) is not AttributeError and str(error)
        about_configs = isinstance(error, TypeError) and "connection config" in str(error)
        assert about_configs or names_a_port(str(error), world), str(error)
        refused = True
    except ValueError as error:
        assert "ConnectionConfig" in str(error)
        refused = True
    else:
        refused = False
        if made is not None:
            world.ports.append(made)
        for process in world.processes:
            world.ports += [p for p in process.var_ports if not any(p is q for q in world.ports)]
    if refused:
        assert snapshot(world) == before
        check_still_connects(port)
        assert snapshot(world) == before


def run(world: World) -> None:
    """What the ports accepted runs, or is refused in words."""
    for process in world.processes:
        if process.is_compiled:
            continue
        try:
            process.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg())
        except lt.CompileError as error:
            assert names_a_port(str(error), world), str(error)
        except RuntimeError as error:
            assert type(error.__cause__).__name__ == "DeadlockError", repr(error.__cause__)
            assert names_a_port(str(error), world), str(error)
        else:
            assert process.runtime.time_step == 2
    for process in world.processes:
        process.stop()


@settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(st.data())
def test_random_programs(data):
    world = World(data)
    with no_hang():
        for _ in range(data.draw(st.integers(1, 12))):
            perform(world)
        run(world)
