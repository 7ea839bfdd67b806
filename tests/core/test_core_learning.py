"""Vars and ports of connections and neurons that learn."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from lava_torch.core import (
    AbstractProcess,
    LearningConnectionProcess,
    LearningNeuronProcess,
    OutPort,
    Var,
)


@pytest.fixture
def rule():
    traces = ("x1", "x2", "y1", "y2", "y3")
    values = {f"{trace}_tau": 10 + i for i, trace in enumerate(traces)}
    values |= {f"{trace}_impulse": 20 + i for i, trace in enumerate(traces)}
    return SimpleNamespace(dw_str="2^-2*x1*y0", dd_str=None, dt_str="x0*y1", **values)


class Connection(LearningConnectionProcess):
    def __init__(self, weights, **kwargs):
        super().__init__(weights=weights, shape=weights.shape, **kwargs)
        self.weights = Var(weights.shape, init=weights)


@pytest.fixture
def connection(rule):
    return Connection(np.ones((4, 3)), learning_rule=rule, name="dense")


class TestConnection:
    def test_ports(self, connection):
        assert {port.name: port.shape for port in connection.in_ports} == dict.fromkeys(
            ("s_in_bap", "s_in_y1", "s_in_y2", "s_in_y3"), (4,)
        )

    def test_shapes(self, connection):
        pre, post = ("x0", "tx", "x1", "x2"), ("y0", "ty", "y1", "y2", "y3")
        assert {getattr(connection, name).shape for name in pre} == {(3,)}
        assert {getattr(connection, name).shape for name in post} == {(4,)}
        assert connection.tag_1.shape == connection.tag_2.shape == (4, 3)
        assert {getattr(connection, name).get() for name in pre + post} == {0}

    def test_values_of_the_rule(self, connection):
        assert connection.dw.get() == "2^-2*x1*y0" and connection.dw.shape == (256,)
        assert connection.dd.get() == "" and connection.dt.get() == "x0*y1"
        taus = [getattr(connection, f"{t}_tau").get() for t in ("x1", "x2", "y1", "y2", "y3")]
        impulses = [getattr(connection, f"{t}_impulse").get() for t in ("x1", "y3")]
        assert taus == [10, 11, 12, 13, 14] and impulses == [20, 24]
        assert connection.y3_tau.shape == (1,)

    def test_parameters(self, connection, rule):
        assert connection.name == "dense"
        assert connection.proc_params["learning_rule"] is rule
        assert connection.proc_params["shape"] == (4, 3)

    def test_tags(self, rule):
        delays = np.full((4, 3), 2)
        connection = Connection(np.ones((4, 3)), learning_rule=rule, tag_1=None, tag_2=delays)
        assert connection.tag_1.get() == 0 and connection.tag_2.get() is delays

    def test_there_must_be_a_rule(self):
        with pytest.raises(ValueError, match="Connection 'None' needs a learning_rule"):
            Connection(np.ones((4, 3)), learning_rule=None)


class Neuron(AbstractProcess):
    def __init__(self, *, shape, threshold=1, **kwargs):
        super().__init__(shape=shape, threshold=threshold, **kwargs)
        self.s_out = OutPort(shape)


class LearningNeuron(LearningNeuronProcess, Neuron):
    pass


@pytest.mark.parametrize("has_rule", [True, False], ids=["rule", "no rule"])
def test_neuron(rule, has_rule):
    given = rule if has_rule else None
    neuron = LearningNeuron(shape=(4, 2), learning_rule=given, threshold=5, name="lif")
    assert neuron.in_ports.member_names == ["a_third_factor_in"]
    assert neuron.out_ports.member_names == [
        "s_out", "s_out_bap", "s_out_y1", "s_out_y2", "s_out_y3",
    ]  # fmt: skip
    assert neuron.s_out_y2.shape == neuron.a_third_factor_in.shape == (4,)
    assert {var.name: (var.shape, var.get()) for var in neuron.vars} == dict.fromkeys(
        ("y1", "y2", "y3"), ((4, 2), 0)
    )
    assert neuron.proc_params["learning_rule"] is given and neuron.proc_params["threshold"] == 5
    assert neuron.name == "lif"
