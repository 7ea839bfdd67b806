"""Connections that learn, as Processes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse
import torch

import lava_torch as lt

M, N, STEPS = 12, 9, 24
EVENTS = {"dw": "2^-3*x1*y0 - 2^-4*y1*x0", "dd": "2^-3*y0*x1 - 2^-3*x0*y1"}
ALL = {"dw": "2^-3*x1*y0 - 2^-5*u1*w", "dt": "2^-2*x1*y0", "dd": "2^-3*y0*x1 - u1"}
CONNECTIONS = {
    "dense": lt.LearningDense,
    "sparse": lt.LearningSparse,
    "delay dense": lt.LearningDelayDense,
    "delay sparse": lt.LearningDelaySparse,
}
KINDS = pytest.mark.parametrize("kind", CONNECTIONS)
PRECISIONS = pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])


def rule_of(texts, t_epoch=3, seed=5, **others):
    traces = {"x1_impulse": 12.3, "x1_tau": 7, "y1_impulse": 9, "y1_tau": 5}
    return lt.Loihi2FLearningRule(**texts, **traces, t_epoch=t_epoch, rng_seed=seed, **others)


class Net:
    """Two sources and a sink around a connection of M to N neurons."""

    def __init__(self, kind, rule, batch=None, items=slice(None), **options):
        rng = np.random.default_rng(1)
        pre, post = ((rng.random((3, size, STEPS)) < 0.3).astype(int)[items] for size in (M, N))
        weights = rng.integers(-100, 100, (N, M))
        if "sparse" in kind:
            weights = scipy.sparse.csr_matrix(weights * (rng.random((N, M)) < 0.5))
        if "delay" in kind:
            options = {"delays": 2, "max_delay": 6, **options}
        self.connection = CONNECTIONS[kind](weights=weights, learning_rule=rule, **options)
        self.pre = lt.io.source.RingBuffer(data=pre[0])
        self.post = lt.io.source.RingBuffer(data=post[0])
        self.out = lt.io.sink.RingBuffer(shape=(N,), buffer=STEPS)
        if batch:
            self.pre.data.init, self.post.data.init = pre, post
        self.pre.s_out.connect(self.connection.s_in)
        self.post.s_out.connect(self.connection.s_in_bap)
        self.connection.a_out.connect(self.out.a_in)
        self.options = {"batch_size": batch}

    def run(self, tag, steps=(STEPS,), **options):
        config = lt.Loihi2SimCfg(select_tag=tag, **self.options, **options)
        for number in steps:
            self.connection.run(lt.RunSteps(number), run_cfg=config)
        names = ("weights", "tag_1", "tag_2", "x1", "y1", "tx", "ty", "x0", "y0")
        seen = {name: array(getattr(self.connection, name).get()) for name in names}
        return seen | {"out": self.out.data.get()}

    def stop(self):
        self.connection.stop()


def array(value):
    if isinstance(value, list):
        return np.stack([item.toarray() for item in value])
    return value.toarray() if scipy.sparse.issparse(value) else value


def same(got, want, tag):
    for name in want:
        if tag == "fixed_pt":
            np.testing.assert_array_equal(got[name], want[name], err_msg=name)
        else:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-3, err_msg=name)


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

    @pytest.mark.parametrize("value", [-1, np.nan, np.inf])
    def test_bad_parameters(self, value):
        net = Net("dense", rule_of(EVENTS))
        net.run("floating_pt", (1,))
        with pytest.raises(lt.VarValueError, match="'x1_tau' of Process.* not negative"):
            net.connection.x1_tau.set(value)
        assert net.connection.x1_tau.get() == 7

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
        with pytest.raises((ValueError, TypeError, AttributeError)):
            connection = lt.LearningDense(weights=np.ones((2, 3)), learning_rule="x0*y1")
            lt.compile(connection, lt.Loihi2SimCfg())

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

    def test_two_factors_without_spikes_back(self):
        connection = lt.LearningDense(weights=np.ones((2, 3)), learning_rule=rule_of(EVENTS))
        with pytest.warns(UserWarning, match="connect the neurons' s_out to s_in_bap"):
            lt.compile(connection, lt.Loihi2SimCfg())

    def test_a_fraction_in_fixed_point(self):
        net = Net("dense", rule_of({"dw": "y0*(x1 + 2^-1)"}))
        with pytest.raises(ValueError, match="0.5 beside x1 is no whole number"):
            net.run("fixed_pt")

    def test_unknown_batch_learning(self):
        with pytest.raises(ValueError, match="batch_learning must be one of"):
            Net("dense", rule_of(EVENTS), batch_learning="sum")

    def test_tags_of_another_shape(self):
        net = Net("dense", rule_of(EVENTS), tag_1=np.ones((M, N)))
        with pytest.raises(ValueError, match="'tag_1' of Process .*shape"):
            net.run("floating_pt")


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

    def test_one_axis(self):
        with pytest.raises(ValueError, match="LearningLIF 'x' has the shape \\(2, 3\\)"):
            lt.LearningLIF(shape=(2, 3), name="x")
