"""Fixtures of the core's tests: small Processes, and an engine that only keeps books."""

from __future__ import annotations

import numpy as np
import pytest

from lava_torch.core import (
    AbstractProcess,
    AbstractProcessModel,
    InPort,
    OutPort,
    ProcessServer,
    RefPort,
    RunConfig,
    Var,
    VarPort,
    VarServer,
    engine,
    find_processes,
    is_sub_process_model,
    register_engine,
    with_sub_processes,
)
from lava_torch.core.port_base import connections_made


class Node(AbstractProcess):
    """A Process with one member of each kind."""

    def __init__(self, shape=(2, 3), **kwargs):
        super().__init__(shape=shape, **kwargs)
        self.inp = InPort(shape)
        self.out = OutPort(shape)
        self.ref = RefPort(shape)
        self.state = Var(shape, init=1)
        self.var_port = VarPort(self.state)


class NodeModel(AbstractProcessModel):
    def run_spk(self):
        """It does nothing: these tests run no steps."""


class PlainConfig(RunConfig):
    def __init__(self):
        super().__init__(custom_sync_domains=None)

    def select(self, process, proc_models):
        return NodeModel


class FakeRuntime:
    """Keeps Var values as arrays and writes down what it is asked."""

    def __init__(self):
        self.calls = []
        self.values = {}
        self.is_running = False
        self.is_stopped = False
        self.connections = connections_made()

    def start(self, run_condition):
        self.calls.append(("start", run_condition))
        self.is_running = not run_condition.blocking

    def wait(self):
        self.calls.append("wait")
        self.is_running = False

    def pause(self):
        self.calls.append("pause")
        self.is_running = False

    def stop(self):
        self.calls.append("stop")
        self.is_running, self.is_stopped = False, True

    def get(self, var, idx):
        value = self.values.setdefault(var.id, np.broadcast_to(var.init, var.shape).astype(float))
        return value.copy() if idx is None else value[idx]

    def set(self, var, value, idx):
        new = self.get(var, None)
        new[... if idx is None else idx] = value
        self.values[var.id] = new


class FakeEngine:
    def __init__(self):
        self.compiled = []
        self.runtimes = []
        self.extended = []
        self.fail_compile = self.fail_runtime = None

    def compile(self, process, run_cfg, compile_config):
        self.compiled.append((process, run_cfg, compile_config))
        for member in find_processes(process):
            model = run_cfg.select(member, [])
            if is_sub_process_model(model):
                member.register_sub_procs(model(member).find_sub_procs())
        for member in with_sub_processes(find_processes(process)):
            member._set_compiled(run_cfg.select(member, []))
        if self.fail_compile:
            raise self.fail_compile
        return ["executable", process]

    def create_runtime(self, process, run_cfg, executable, compile_config):
        if self.fail_runtime:
            raise self.fail_runtime
        self.runtimes.append(FakeRuntime())
        return self.runtimes[-1]

    def extend(self, process, runtime):
        self.extended.append((process, runtime))
        for member in find_processes(process):
            member._set_compiled(NodeModel)
        return True


@pytest.fixture(autouse=True)
def fresh_ids():
    ProcessServer().reset_server()
    VarServer().reset_server()


@pytest.fixture
def node():
    return Node


@pytest.fixture
def config():
    return PlainConfig()


@pytest.fixture
def no_engine(monkeypatch):
    monkeypatch.setattr(engine, "_registered", [])


@pytest.fixture
def fake_engine(no_engine):
    fake = FakeEngine()
    register_engine(fake)
    return fake
