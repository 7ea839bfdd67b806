"""What connections that learn refuse, before anything runs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from learning_nets import CONNECTIONS, EVENTS, M, N, Net, rule_of

import lava_torch as lt


class TestErrors:
    @pytest.mark.parametrize(
        "make",
        [
            lambda **k: lt.Dense(weights=np.ones((2, 3)), **k),
            lambda **k: lt.Sparse(weights=np.ones((2, 3)), **k),
            lambda **k: lt.DelayDense(weights=np.ones((2, 3)), delays=1, **k),
            lambda **k: lt.Conv(weight=np.ones((1, 1, 1, 1)), input_shape=(2, 2, 1), **k),
            lambda **k: lt.LIF(shape=(3,), **k),
        ],
        ids=["Dense", "Sparse", "DelayDense", "Conv", "LIF"],
    )
    def test_a_rule_for_what_does_not_learn(self, make, request):
        kind = request.node.callspec.id
        with pytest.raises(ValueError, match=f"{kind} 'x' does not learn.*Use Learning{kind}"):
            make(learning_rule=rule_of(EVENTS), name="x")

    def test_no_rule(self):
        with pytest.raises(ValueError, match="LearningDense 'x' needs a learning_rule"):
            lt.LearningDense(weights=np.ones((2, 3)), name="x")

    def test_no_rule_but_something_else(self):
        with pytest.raises(
            ValueError, match=r"'x' has the learning_rule 'x0\*y1'; give it a Loihi"
        ):
            lt.LearningDense(weights=np.ones((2, 3)), learning_rule="x0*y1", name="x")

    def test_an_impulse_of_8_bits(self):
        net = Net("dense", rule_of({"dw": "x0*x2"}, x2_impulse=200))
        with pytest.raises(ValueError, match=r"'x2_impulse'.* holds .*200.*in \[0, 127\]"):
            net.run("fixed_pt")

    def test_a_rule_is_no_number_to_record(self):
        net = Net("dense", rule_of(EVENTS))
        with pytest.raises(TypeError, match=r"cannot probe '.*dw': it is a string"):
            lt.Monitor().probe(net.connection.dw, 5)

    @pytest.mark.parametrize("kind", ["dense", "sparse"])
    def test_no_synapses(self, kind):
        weights = np.zeros((0, 3)) if kind == "dense" else scipy.sparse.csr_matrix((4, 3))
        with pytest.raises(ValueError, match="no synapse"):
            connection = CONNECTIONS[kind](weights=weights, learning_rule=rule_of(EVENTS))
            lt.compile(connection, lt.Loihi2SimCfg())

    @pytest.mark.parametrize("t_epoch", [0, 64, 2.5, True, -1])
    def test_epochs(self, t_epoch):
        with pytest.raises(ValueError, match="t_epoch must be a whole number"):
            rule_of(EVENTS, t_epoch=t_epoch)

    def test_three_factors_without_their_ports(self):
        rule = lt.Loihi3FLearningRule(dw="u0*t*y2", dt="x0*y1 - y0*x1", x1_impulse=1, x1_tau=5)
        connection = lt.LearningDense(weights=np.ones((2, 3)), learning_rule=rule, name="hebb")
        with pytest.raises(ValueError, match="'hebb'.*at \\['s_in_bap', 's_in_y1', 's_in_y2'\\]"):
            lt.compile(connection, lt.Loihi2SimCfg())

    def test_three_factors_without_y0_need_no_spikes_back(self):
        rule = lt.Loihi3FLearningRule(dw="u0*t*y2", dt="x0")
        connection = lt.LearningDense(weights=np.ones((2, 3)), learning_rule=rule)
        lt.io.source.RingBuffer(data=np.ones((2, 1))).s_out.connect(connection.s_in_y2)
        lt.compile(connection, lt.Loihi2SimCfg())

    def test_two_factors_without_spikes_back(self):
        connection = lt.LearningDense(weights=np.ones((2, 3)), learning_rule=rule_of(EVENTS))
        with pytest.warns(UserWarning, match="connect the neurons' s_out to s_in_bap"):
            lt.compile(connection, lt.Loihi2SimCfg())

    def test_a_fraction_in_fixed_point(self):
        net = Net("dense", rule_of({"dw": "y0*(x1 + 2^-1)"}))
        with pytest.raises(ValueError, match="0.5 beside x1 is no whole number"):
            net.run("fixed_pt")

    @pytest.mark.parametrize(
        ("name", "value", "members"),
        [
            ("sign_mode", "excitatory", "SignMode.MIXED, SignMode.EXCITATORY"),
            ("graded_spike_cfg", 7, "GradedSpikeCfg.OVERWRITE"),
        ],
    )
    def test_what_is_none_of_the_members(self, name, value, members):
        net = Net("dense", rule_of(EVENTS), **{name: value})
        with pytest.raises(ValueError, match=f"has the {name} {value!r}; give one of .*{members}"):
            net.run("fixed_pt")

    def test_unknown_batch_learning(self):
        with pytest.raises(ValueError, match="batch_learning must be one of"):
            Net("dense", rule_of(EVENTS), batch_learning="sum")

    def test_tags_of_another_shape(self):
        net = Net("dense", rule_of(EVENTS), tag_1=np.ones((M, N)))
        with pytest.raises(ValueError, match="'tag_1' of Process .*shape"):
            net.run("floating_pt")
