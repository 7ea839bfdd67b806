"""Neurons that send traces, and three factors."""

from __future__ import annotations

import numpy as np
import pytest
from learning_nets import PRECISIONS, same

import lava_torch as lt


class TestLearningLIF:
    @staticmethod
    def build():
        rule = lt.RewardModulatedSTDP(
            learning_rate=0.5, A_plus=1, A_minus=-1, pre_trace_decay_tau=5, post_trace_decay_tau=4,
            pre_trace_kernel_magnitude=10, post_trace_kernel_magnitude=8,
            eligibility_trace_decay_tau=0.25, rng_seed=3,
        )  # fmt: skip
        lif = lt.LearningLIF(shape=(2,), vth=10, bias_mant=4, learning_rule=rule, name="lif")
        reward = lt.io.source.RingBuffer(data=np.array([[0, 3, 0, 0, 5], [1, 1, 1, 1, 1]]))
        reward.s_out.connect(lif.a_third_factor_in)
        return lif, rule

    @pytest.mark.parametrize("stepper", ["eager", "table"])
    @PRECISIONS
    def test_what_it_sends(self, stepper, tag):
        lif, _ = self.build()
        ports = ("s_out", "s_out_bap", "s_out_y1", "s_out_y2", "s_out_y3")
        sinks = {port: lt.io.sink.RingBuffer(shape=(2,), buffer=10) for port in ports}
        for port, sink in sinks.items():
            getattr(lif, port).connect(sink.a_in)
        lif.y3.init = 7
        if tag == "fixed_pt":
            lif.bias_mant.init = 4 * 64
        lif.run(lt.RunSteps(10), run_cfg=lt.Loihi2SimCfg(select_tag=tag, stepper=stepper))
        sent = {port: sink.data.get() for port, sink in sinks.items()}
        lif.stop()
        spikes = sent["s_out"][0]
        assert spikes.sum() >= 3
        np.testing.assert_array_equal(sent["s_out_bap"], sent["s_out"])
        y1, wanted = 0.0, []
        for s in spikes:
            y1 = y1 * np.exp(-1 / 4)
            y1 = (np.trunc(y1) if tag == "fixed_pt" else y1) + 8 * s
            wanted.append(y1)
        # The decay is rounded to a 4096th in fixed point.
        np.testing.assert_allclose(
            sent["s_out_y1"][0], wanted, atol=1 if tag == "fixed_pt" else 1e-5
        )
        np.testing.assert_array_equal(sent["s_out_y2"][0], [0, 3, 0, 0, 5] * 2)
        assert (sent["s_out_y3"] == 7).all()

    @PRECISIONS
    def test_three_factors_end_to_end(self, tag):
        found = []
        for stepper in ("eager", "table"):
            lif, rule = self.build()
            spikes = (np.random.default_rng(0).random((4, 30)) < 0.3).astype(int)
            source = lt.io.source.RingBuffer(data=spikes)
            synapses = lt.LearningDense(weights=np.full((2, 4), 20), learning_rule=rule)
            source.s_out.connect(synapses.s_in)
            synapses.a_out.connect(lif.a_in)
            for name in ("bap", "y1", "y2", "y3"):
                getattr(lif, f"s_out_{name}").connect(getattr(synapses, f"s_in_{name}"))
            lif.run(lt.RunSteps(30), run_cfg=lt.Loihi2SimCfg(select_tag=tag, stepper=stepper))
            names = ("weights", "tag_1", "y1", "y2")
            found.append({name: getattr(synapses, name).get() for name in names})
            lif.stop()
        same(found[1], found[0], tag)
        assert np.any(found[0]["weights"] != 20)

    @pytest.mark.parametrize("stepper", ["eager", "table"])
    @pytest.mark.parametrize(("sent", "counts"), [(100, 100), (127, 127), (128, 127), (800, 127)])
    def test_what_is_sent_as_a_trace_counts_with_7_bits(self, stepper, sent, counts):
        rule = lt.Loihi3FLearningRule(dw="u0*t*y2", t_epoch=1)
        synapses = lt.LearningDense(
            weights=np.full((1, 1), -100), tag_1=np.full((1, 1), 32), learning_rule=rule
        )
        source = lt.io.source.RingBuffer(data=np.full((1, 1), sent))
        source.s_out.connect(synapses.s_in_y2)
        synapses.run(
            lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt", stepper=stepper)
        )
        # Of a tag's 9 bits and a trace's 7 with 15 in all, 5 are dropped: 32 * y2 / 32. A received
        # trace that fits loses a part of a step's decay, and seldom 1.
        learnt = synapses.weights.get().item() + 100
        synapses.stop()
        assert counts - 1 <= learnt <= counts

    @pytest.mark.parametrize("stepper", ["eager", "table"])
    def test_what_is_received_stays_as_it_is_where_neurons_spike_again(self, stepper):
        """Negative rewards among it, in fixed point."""
        rule = lt.Loihi3FLearningRule(dw="2^3*x0*y2", t_epoch=3, rng_seed=1)
        synapses = lt.LearningDense(weights=np.array([[100]]), learning_rule=rule)
        sent = {"s_in": [1, 0, 0], "s_in_bap": [0, 1, 1], "s_in_y2": [-5, -5, -5]}
        for port, data in sent.items():
            lt.io.source.RingBuffer(data=np.array([data])).s_out.connect(getattr(synapses, port))
        config = lt.Loihi2SimCfg(select_tag="fixed_pt", stepper=stepper)
        synapses.run(lt.RunSteps(3), run_cfg=config)
        assert synapses.y2.get().tolist() == [-5]
        assert synapses.weights.get().tolist() == [[60]]
        synapses.stop()

    @pytest.mark.parametrize("stepper", ["eager", "table"])
    def test_what_is_received_decays_by_its_tau(self, stepper):
        synapses = lt.LearningDense(
            weights=np.zeros((1, 1)), learning_rule=lt.Loihi3FLearningRule(dw="u0*y1")
        )
        source = lt.io.source.RingBuffer(data=np.array([[100.0]]))
        source.s_out.connect(synapses.s_in_y1)
        config = lt.Loihi2SimCfg(dtype="float64", stepper=stepper)
        synapses.run(lt.RunSteps(1), run_cfg=config)
        first = synapses.weights.get().item()
        synapses.y1_tau.set(np.array([1.0]))
        synapses.run(lt.RunSteps(1))
        second = synapses.weights.get().item() - first
        np.testing.assert_allclose([first, second], 100 * np.exp([-1 / 65535, -1]))
        synapses.stop()

    @PRECISIONS
    def test_its_trace_is_given_where_the_rule_does_not_say_it(self, tag):
        found = []
        for rule, options in (
            (self.build()[1], {}),
            (None, {"dy1": 1 - np.exp(-1 / 4), "y1_impulse": 8}),
        ):
            lif = lt.LearningLIF(shape=(1,), vth=10, bias_mant=999, learning_rule=rule, **options)
            lif.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
            found.append(lif.y1.get())
            lif.stop()
        assert found[0] == found[1] > 8

    def test_one_axis(self):
        with pytest.raises(ValueError, match="LearningLIF 'x' has the shape \\(2, 3\\)"):
            lt.LearningLIF(shape=(2, 3), name="x")
