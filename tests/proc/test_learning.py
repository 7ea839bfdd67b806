"""Connections that learn, as Processes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from learning_nets import (
    ALL,
    CONNECTIONS,
    EVENTS,
    KINDS,
    PRECISIONS,
    STEPS,
    M,
    N,
    Net,
    array,
    rule_of,
    same,
)

import lava_torch as lt


@PRECISIONS
@pytest.mark.parametrize("texts", [EVENTS, ALL], ids=["events", "all"])
@KINDS
class TestSteppers:
    def test_the_table_learns_what_eager_learns(self, kind, texts, tag):
        nets = [Net(kind, rule_of(texts)) for _ in range(2)]
        eager = nets[0].run(tag, stepper="eager")
        same(nets[1].run(tag, (1, 7, 2, 14), stepper="table"), eager, tag)

    @pytest.mark.parametrize("mode", ["each", "mean"])
    def test_in_a_batch(self, kind, texts, tag, mode):
        nets = [Net(kind, rule_of(texts), batch=3, batch_learning=mode) for _ in range(2)]
        eager = nets[0].run(tag, stepper="eager")
        table = nets[1].run(tag, stepper="table")
        same(table, eager, tag)
        assert table["weights"].shape == ((3, N, M) if mode == "each" else (N, M))
        if mode == "each":
            alone = Net(kind, rule_of(texts), items=slice(0, 1)).run(tag)
            same({name: value[0] for name, value in table.items()}, alone, tag)


def test_the_mean_of_a_batch():
    """The synapses that items share change by the mean of what each would do to them."""
    single = [Net("dense", rule_of(EVENTS, t_epoch=STEPS), items=slice(b, b + 1)) for b in range(3)]
    learnt = [net.run("floating_pt", dtype="float64")["weights"] for net in single]
    together = Net("dense", rule_of(EVENTS, t_epoch=STEPS), batch=3, batch_learning="mean")
    found = together.run("floating_pt", dtype="float64")["weights"]
    np.testing.assert_allclose(found, np.mean(learnt, axis=0), rtol=1e-12)


def test_events_are_enough_where_weights_are_within_their_limits(monkeypatch):
    """Negative weights of an excitatory connection are lifted to 0 though no event touches them."""
    found = []
    for stepper in ("eager", "table"):
        net = Net("dense", rule_of({"dw": "2^-3*x1*y0"}), sign_mode=lt.SignMode.EXCITATORY)
        found.append(net.run("floating_pt", (12, 12), stepper=stepper))
    same(found[1], found[0], "floating_pt")
    assert found[1]["weights"].min() == 0


class TestDelays:
    """A learnt delay acts on the traffic."""

    @staticmethod
    def arrivals(connection, tag, pre, post, steps):
        """The steps in which spikes arrive."""
        sources = [lt.io.source.RingBuffer(data=np.array([x])) for x in (pre, post)]
        out = lt.io.sink.RingBuffer(shape=(1,), buffer=steps)
        sources[0].s_out.connect(connection.s_in)
        sources[1].s_out.connect(connection.s_in_bap)
        connection.a_out.connect(out.a_in)
        connection.run(lt.RunSteps(steps), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
        found = np.flatnonzero(out.data.get()[0]) + 1
        delays = array(connection.delays.get()), array(connection.tag_2.get())
        connection.stop()
        return found.tolist(), *(float(d.item()) for d in delays)

    @PRECISIONS
    @pytest.mark.parametrize("kind", ["delay dense", "delay sparse"])
    def test_on_the_traffic(self, kind, tag):
        rule = lt.Loihi2FLearningRule(dd="2*y0", t_epoch=1)
        connection = CONNECTIONS[kind](
            weights=np.array([[4]]), delays=1, max_delay=4, learning_rule=rule
        )
        pre, post = np.zeros(20, int), np.zeros(20, int)
        pre[[0, 5, 12]] = 1  # in the steps 1, 6 and 13
        post[[3, 9]] = 1  # d becomes 3, and then 4, the most that there is room for
        found, delay, tag_2 = self.arrivals(connection, tag, pre, post, 20)
        assert found == [1 + 1 + 1, 6 + 1 + 3, 13 + 1 + 4]
        assert delay == tag_2 == 4

    def test_in_fractions_of_steps(self):
        rule = lt.Loihi2FLearningRule(dd="3*2^-2*y0", t_epoch=1)
        connection = lt.LearningDelayDense(
            weights=np.array([[4.0]]), delays=1, max_delay=9, learning_rule=rule
        )
        spikes = np.array([0, 1, 0, 1, 0, 1])
        _, delay, tag_2 = self.arrivals(connection, "floating_pt", spikes * 0, spikes, 6)
        assert tag_2 == 1 + 3 * 0.75 and delay == 3

    @pytest.mark.parametrize("value", [-1, 7, 99])
    def test_a_delay_there_is_not(self, value):
        net = Net("delay dense", rule_of(EVENTS))
        net.run("floating_pt", (1,))
        with pytest.raises(lt.VarValueError, match=r"'tag_2' of Process.*in \[0, 6\], the delays"):
            net.connection.tag_2.set(value)
        assert (net.connection.tag_2.get() == net.connection.delays.get()).all()

    def test_set_together(self):
        net = Net("delay dense", rule_of(EVENTS))
        net.run("floating_pt", (1,))
        net.connection.delays.set(5)
        assert (net.connection.tag_2.get() == 5).all()
        net.connection.tag_2.set(np.full((N, M), 1.6))
        assert (net.connection.delays.get() == 2).all()
        net.stop()


class TestBetweenRuns:
    def test_a_rule_is_set(self):
        net = Net("dense", rule_of(EVENTS))
        net.run("floating_pt", (3,))
        net.connection.dw.set("u0")
        before = net.connection.weights.get()
        after = net.run("floating_pt", (6,))["weights"]
        np.testing.assert_allclose(after, before + 2, rtol=1e-6)  # at the end of two epochs
        assert net.connection.dw.get() == "u0"
        net.stop()

    def test_a_bad_rule_changes_nothing(self):
        net = Net("dense", rule_of(EVENTS))
        net.run("floating_pt", (3,))
        for text in ("2*x9*x0", "x0*y3", "3"):
            with pytest.raises(ValueError, match="cannot learn"):
                net.connection.dw.set(text)
        assert net.connection.dw.get() == EVENTS["dw"]
        same(net.run("floating_pt", (STEPS - 3,)), Net("dense", rule_of(EVENTS)).run("floating_pt"),
             "floating_pt")  # fmt: skip

    @pytest.mark.parametrize("name", ["x1_tau", "y1_impulse"])
    def test_parameters_of_traces(self, name):
        nets = [Net("dense", rule_of(EVENTS)) for _ in range(2)]
        for net in nets:
            net.run("floating_pt", (6,))
        getattr(nets[0].connection, name).set(2.5)
        setattr(nets[1].connection.proc_params["learning_rule"], name, 2.5)
        by_var, by_rule = (net.run("floating_pt", (STEPS - 6,)) for net in nets)
        same(by_var, by_rule, "floating_pt")
        unchanged = Net("dense", rule_of(EVENTS)).run("floating_pt")
        assert np.abs(by_var["weights"] - unchanged["weights"]).max() > 0.1

    @pytest.mark.parametrize("value", [-1, np.nan])
    def test_bad_parameters(self, value):
        net = Net("dense", rule_of(EVENTS))
        net.run("floating_pt", (1,))
        with pytest.raises(lt.VarValueError, match="'x1_tau' of Process.* not negative"):
            net.connection.x1_tau.set(value)
        assert net.connection.x1_tau.get() == 7

    @PRECISIONS
    def test_a_trace_need_not_decay(self, tag):
        found = []
        for tau in (np.inf, 1e17):
            net = Net("dense", rule_of(EVENTS))
            net.connection.proc_params["learning_rule"].x1_tau = tau
            found.append(net.run(tag))
        same(*found, tag)

    @PRECISIONS
    @pytest.mark.parametrize("kind", CONNECTIONS)
    @pytest.mark.parametrize("stepper", ["table", "eager"])
    def test_without_a_rule_nothing_is_learnt(self, kind, stepper, tag):
        """Emptied for a test phase, and set again."""
        net = Net(kind, rule_of({"dw": EVENTS["dw"]}))
        first = net.run(tag, (6,), stepper=stepper)
        net.connection.dw.set("")
        frozen = net.run(tag, (6,))
        np.testing.assert_array_equal(frozen["weights"], first["weights"])
        assert frozen["x1"].any()
        net.connection.dw.set(EVENTS["dw"])
        assert (net.run(tag, (6,))["weights"] != first["weights"]).any()

    @PRECISIONS
    def test_the_rule_is_taken_as_it_is_when_the_network_is_compiled(self, tag):
        """However it was changed since the Process was made, or since the last network stopped."""
        expected = Net("dense", rule_of(ALL, t_epoch=2)).run(tag)
        rule = rule_of(EVENTS, t_epoch=2)
        net = Net("dense", rule)
        rule.dw_str, rule.dt_str, rule.dd_str = ALL["dw"], ALL["dt"], ALL["dd"]
        rule.x1_tau, rule.y1_impulse = 2, 1
        net.run(tag)
        net.stop()
        rule.x1_tau, rule.y1_impulse = 7, 9
        same(net.run(tag), expected, tag)

    @PRECISIONS
    @pytest.mark.parametrize("kind", ["sparse", "delay sparse"])
    def test_what_get_gives_of_a_batch_can_be_set(self, kind, tag):
        net = Net(kind, rule_of(EVENTS), batch=3)
        net.run(tag, (6,))
        whole = net.connection.weights.get()
        whole[1] = whole[1] * 0
        net.connection.weights.set(whole)
        for found, wanted in zip(net.connection.weights.get(), whole, strict=True):
            np.testing.assert_array_equal(found.toarray(), wanted.toarray())
        with pytest.raises(lt.VarValueError, match="for each of 3 items of the batch; got 2"):
            net.connection.weights.set(whole[:2])
        net.connection.weights.set(whole[0])
        np.testing.assert_array_equal(net.connection.weights.get()[2].toarray(), whole[0].toarray())

    def test_a_trace_that_is_read_stays_configured(self):
        net = Net("dense", rule_of(EVENTS))
        net.run("floating_pt", (1,))
        net.connection.x1_tau.set(0)
        with pytest.raises(lt.VarValueError, match="reads x1, whose Vars 'x1_tau' and"):
            net.connection.x1_impulse.set(0)
        assert net.connection.x1_impulse.get() == 12.3

    def test_the_epoch_stays(self):
        rule = rule_of(EVENTS)
        net = Net("dense", rule)
        net.run("floating_pt", (1,))
        rule.t_epoch = 4
        with pytest.raises(ValueError, match="t_epoch of its learning rule was changed from 3"):
            net.run("floating_pt", (1,))

    @PRECISIONS
    def test_afresh_after_a_stop(self, tag):
        net = Net("dense", rule_of(EVENTS))
        first = net.run(tag)
        net.stop()
        same(net.run(tag), first, tag)

    @pytest.mark.parametrize("mode", ["each", "mean"])
    def test_reset_gives_the_weights_back(self, mode):
        net = Net("dense", rule_of(EVENTS), batch=3, batch_learning=mode)
        first = net.run("floating_pt")
        net.connection.runtime.reset()
        same(net.run("floating_pt"), first, "floating_pt")


def test_a_copy_goes_on_in_the_middle_of_an_epoch():
    net = Net("dense", rule_of(ALL))
    network = lt.compile(net.connection, lt.Loihi2SimCfg(select_tag="floating_pt"))
    name = network.graph.node_of[net.connection]
    with torch.no_grad():
        for _ in range(8):  # an epoch has 3 steps
            network.step()
        other = copy.deepcopy(network)
        restored = lt.compile(net.connection, lt.Loihi2SimCfg(select_tag="floating_pt"))
        restored.load_state_dict(network.state_dict())
        restored.clock.time_step.copy_(network.clock.time_step)
        for each in (network, other, restored):
            for _ in range(8):
                each.step()
    wanted = network.get_submodule(name).weights
    for each in (other, restored):
        torch.testing.assert_close(each.get_submodule(name).weights, wanted)


def test_a_monitor_sees_weights_change():
    net = Net("dense", rule_of(EVENTS))
    monitor = lt.Monitor()
    monitor.probe(net.connection.weights, STEPS)
    learnt = net.run("floating_pt")["weights"]
    seen = next(iter(next(iter(monitor.get_data().values())).values()))
    assert seen.shape == (STEPS, N, M)
    np.testing.assert_array_equal(seen[-1], learnt)
    changed = np.any(np.diff(seen, axis=0) != 0, axis=(1, 2))
    assert set(np.flatnonzero(changed) + 2) <= set(range(3, STEPS + 1, 3))  # at an epoch's end
    net.stop()


def test_within_an_epoch():
    net = Net("dense", rule_of(EVENTS, t_epoch=4))
    seen = net.run("floating_pt", (3,))
    spikes = {"x": net.pre.data.init, "y": net.post.data.init}
    for side, data in spikes.items():
        last = [max([t + 1 for t in range(3) if row[t]], default=0) for row in data]
        np.testing.assert_array_equal(seen[f"t{side}"], last)
        np.testing.assert_array_equal(seen[f"{side}0"], np.array(last) > 0)
    seen = net.run("floating_pt", (1,))
    assert not any(seen[name].any() for name in ("tx", "ty", "x0", "y0"))


class TestFixedPoint:
    def learnt(self, seed, **options):
        return Net("dense", rule_of(EVENTS, seed=seed), **options).run("fixed_pt")["weights"]

    def test_a_seed_is_a_run(self):
        one, again, other = self.learnt(1), self.learnt(1), self.learnt(2)
        np.testing.assert_array_equal(one, again)
        assert np.any(one != other)
        assert abs(one.mean() - other.mean()) < 3

    @pytest.mark.parametrize(
        ("mode", "limits"),
        [(lt.SignMode.EXCITATORY, (0, 255)), (lt.SignMode.INHIBITORY, (-255, 0))],
        ids=["excitatory", "inhibitory"],
    )
    def test_signs(self, mode, limits):
        learnt = self.learnt(1, sign_mode=mode)
        assert learnt.min() >= limits[0] and learnt.max() <= limits[1]

    def test_limits_of_8_bits(self):
        net = Net("dense", rule_of({"dw": "2^8*x0"}, t_epoch=1))
        assert net.run("fixed_pt")["weights"].max() == 255

    def test_weights_are_truncated_once_and_may_be_odd_then(self):
        rule = lt.Loihi2FLearningRule(dw="y0", t_epoch=1)
        connection = lt.LearningDense(weights=np.array([[7]]), learning_rule=rule)
        spikes = lt.io.source.RingBuffer(data=np.array([[0, 1, 0]]))
        spikes.s_out.connect(connection.s_in_bap)
        config = lt.Loihi2SimCfg(select_tag="fixed_pt")
        seen = []
        for _ in range(3):
            connection.run(lt.RunSteps(1), run_cfg=config)
            seen.append(int(connection.weights.get().item()))
        assert seen == [6, 7, 7]

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            ("weights", 300, "-256, 255"),
            ("tag_1", -257, "-256, 255"),
            ("tag_2", -1, "0, 255"),
            ("x1", 256, "0, 255"),
            ("x1_impulse", 128, "0, 127"),
            ("y2", 128, "0, 127"),
        ],
    )
    def test_out_of_range(self, name, value, wanted):
        net = Net("dense", rule_of(EVENTS))
        net.run("fixed_pt", (1,))
        before = getattr(net.connection, name).get()
        with pytest.raises(lt.VarValueError, match=f"'{name}' of Process .* in \\[{wanted}\\]"):
            getattr(net.connection, name).set(value)
        np.testing.assert_array_equal(getattr(net.connection, name).get(), before)
        if name.startswith("tag"):
            with pytest.raises(lt.VarValueError, match=f"'{name}' of Process"):
                Net("dense", rule_of(EVENTS), **{name: value}).run("fixed_pt")


class TestGraded:
    @staticmethod
    def x1(mode, payloads, tag):
        """x1 after each step of one long epoch, for one neuron."""
        rule = lt.Loihi2FLearningRule(dw="x0*x1", x1_impulse=10, x1_tau=5, t_epoch=60)
        connection = lt.LearningDense(
            weights=np.array([[1]]), learning_rule=rule, num_message_bits=8, graded_spike_cfg=mode
        )
        source = lt.io.source.RingBuffer(data=np.array([payloads]))
        source.s_out.connect(connection.s_in)
        config, seen = lt.Loihi2SimCfg(select_tag=tag), []
        for _ in payloads:
            connection.run(lt.RunSteps(1), run_cfg=config)
            seen.append(float(connection.x1.get().item()))
        connection.stop()
        assert rule.x1_impulse == (10 if mode == 0 else 0)
        return seen

    @pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
    def test_regular(self, tag):
        mode = lt.GradedSpikeCfg.USE_REGULAR_IMPULSE
        assert self.x1(mode, [3, 0, 200, 7], tag) == [0, 0, 10, 20]

    def test_floating_point(self):
        modes = lt.GradedSpikeCfg
        assert self.x1(modes.OVERWRITE, [3, 0, 200, 7], "floating_pt") == [1.5, 1.5, 100, 3.5]
        for mode in (modes.ADD_WITH_SATURATION, modes.ADD_WITHOUT_SATURATION):
            assert self.x1(mode, [3, 0, 200, 8], "floating_pt") == [1.5, 1.5, 101.5, 105.5]

    def test_fixed_point(self):
        modes = lt.GradedSpikeCfg
        # p / 2 half to even: 1.5 is 2, 0.5 is 0, 2.5 is 2.
        assert self.x1(modes.OVERWRITE, [3, 1, 5, 254], "fixed_pt") == [2, 0, 2, 127]
        assert self.x1(modes.ADD_WITH_SATURATION, [3, 200, 100, 0], "fixed_pt") == [
            2,
            102,
            127,
            127,
        ]
        # 152 is 127 over: 25.
        found = self.x1(modes.ADD_WITHOUT_SATURATION, [3, 200, 100, 0], "fixed_pt")
        assert found == [2, 102, 25, 25]
        # 255 less 127 is above 127 still: 1 a step later, or added to as it is.
        found = self.x1(modes.ADD_WITHOUT_SATURATION, [200, 310, 0, 0], "fixed_pt")
        assert found == [100, 128, 1, 1]
        found = self.x1(modes.ADD_WITHOUT_SATURATION, [200, 310, 4, 0], "fixed_pt")
        assert found == [100, 128, 3, 3]

    @pytest.mark.parametrize("stepper", ["table", "eager"])
    @pytest.mark.parametrize(("mode", "found"), [(2, [127, 127, 100]), (3, [1, 73, 100])])
    def test_what_is_above_7_bits_is_lowered_of_quiet_neurons_too(self, mode, found, stepper):
        connection = lt.LearningDense(
            weights=np.ones((1, 3)),
            learning_rule=lt.Loihi2FLearningRule(dw="x0*x1", x1_impulse=9, t_epoch=60),
            num_message_bits=8,
            graded_spike_cfg=mode,
        )
        connection.x1.init = np.array([128, 200, 100])
        config = lt.Loihi2SimCfg(select_tag="fixed_pt", stepper=stepper)
        connection.run(lt.RunSteps(1), run_cfg=config)
        assert connection.x1.get().tolist() == found
        connection.stop()

    def test_graded_spikes_configure_x1(self):
        """The impulse that the rule names is not used, and need not be there."""
        rule = lt.Loihi2FLearningRule(dw="x0*x1", x1_impulse=16)
        mode = lt.GradedSpikeCfg.OVERWRITE
        lt.LearningDense(weights=np.ones((1, 1)), learning_rule=rule, graded_spike_cfg=mode)
        assert rule.x1_impulse == 0
