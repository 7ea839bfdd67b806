"""Networks that are connected to more between their runs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import AbstractSubProcessModel, LoihiProtocol, implements


def neurons(name, **changes):
    values = {"du": 0.5, "dv": 0.25, "vth": 1.0, "bias_mant": 0.3}
    return lt.LIF(shape=(4,), name=name, **{**values, **changes})


class Later(lt.AbstractProcess):
    """Adds up what it gets; hierarchical."""

    def __init__(self, name="later"):
        super().__init__(name=name)
        self.inp = lt.InPort((4,))
        self.total = lt.Var((4,), 0)


@implements(Later, LoihiProtocol)
class NumpyLater(lt.PyLoihiProcessModel):
    inp: lt.PyInPort = lt.LavaPyType(lt.PyInPort.VEC_DENSE, float)
    total: np.ndarray = lt.LavaPyType(np.ndarray, float)

    def run_spk(self):
        self.total = self.total + self.inp.recv()


class TorchLater(lt.TorchProcessModel):
    def absorb(self, inp):
        self.total = self.total + inp


class Inside(AbstractSubProcessModel):
    def __init__(self, proc):
        self.part = Later("part")
        proc.in_ports.inp.connect(self.part.in_ports.inp)
        proc.total.alias(self.part.total)


@pytest.fixture
def first():
    lif = neurons("first")
    yield lif
    lif.stop()


def cfg(later=NumpyLater, **options):
    part = NumpyLater if later is Inside else later
    choice = lambda p: later if p.name == "later" else part  # noqa: E731

    class Config(lt.Loihi2SimCfg):
        def select(self, process, models):
            if isinstance(process, Later):
                return choice(process)
            return super().select(process, models)

    return Config(dtype="float64", **options)


@pytest.mark.parametrize("later", [NumpyLater, TorchLater, Inside])
@pytest.mark.parametrize("caller", ["first", "later"])
def test_it_begins_then_and_the_others_go_on(first, later, caller):
    whole = neurons("whole")
    monitor = lt.Monitor()
    monitor.probe(whole.s_out, 25)
    whole.run(lt.RunSteps(25), run_cfg=cfg())
    spikes = monitor.get_data()["whole"]["s_out"]

    first.run(lt.RunSteps(10), run_cfg=cfg(later))
    new = Later()
    first.s_out.connect(new.inp)
    before = first.model
    (first if caller == "first" else new).run(lt.RunSteps(15))
    assert first.model is before and first.runtime.time_step == 25
    np.testing.assert_array_equal(new.total.get(), spikes[10:].sum(0))
    np.testing.assert_array_equal(first.v.get(), whole.v.get())
    whole.stop()


def test_again_and_again(first):
    first.run(lt.RunSteps(5), run_cfg=cfg())
    later = []
    for number in range(4):
        later.append(Later(f"later_{number}"))
        first.s_out.connect(later[-1].inp)
        first.run(lt.RunSteps(20))
    totals = [p.total.get() for p in later]
    assert all((a > b).all() for a, b in zip(totals, totals[1:], strict=False))
    assert first.runtime.time_step == 85


@pytest.mark.parametrize("connected_at", [1, 5])
def test_a_loop_through_what_is_new(connected_at):
    """Before the first spike it does not matter when neurons are connected. Weights are truncated
    once each."""
    values = {"du": 500, "dv": 100, "vth": 40, "bias_mant": 300, "bias_exp": 0}
    weights = np.array([[0, 7, -9, 3]] * 4) * 5

    def run(connected_at):
        a, b = neurons("a", **values), neurons("b", **values)
        there, back = lt.Dense(weights=weights, name="there"), lt.Dense(weights=-weights)
        a.s_out.connect(there.s_in)
        there.a_out.connect(b.a_in)
        if connected_at:
            a.run(lt.RunSteps(connected_at), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
        b.s_out.connect(back.s_in)
        back.a_out.connect(a.a_in)
        a.run(lt.RunSteps(40 - connected_at), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
        found = a.v.get(), b.v.get(), a.u.get(), back.weights.get(), there.weights.get()
        a.stop()
        return found

    whole = run(0)
    assert whole[3].any() and (whole[3] != -weights).any() and whole[2].any()
    for one, other in zip(run(connected_at), whole, strict=True):
        np.testing.assert_array_equal(one, other)


class TestMonitors:
    def test_one_that_comes_later_records_from_then_on(self, first):
        early, late = lt.Monitor(), lt.Monitor()
        early.probe(first.v, 30)
        first.run(lt.RunSteps(12), run_cfg=cfg())
        late.probe(first.v, 10)
        first.run(lt.RunSteps(3))
        first.run(lt.RunSteps(7))
        v = early.get_data()["first"]["v"]
        assert v[12:22].any()
        np.testing.assert_array_equal(late.get_data()["first"]["v"], v[12:22])
        with pytest.raises(RuntimeError, match="records 10 steps of 'first.v' from step 13 on"):
            first.run(lt.RunSteps(1))

    def test_its_checkpoint(self, first, tmp_path):
        first.run(lt.RunSteps(12), run_cfg=cfg())
        late = lt.Monitor(name="late")
        late.probe(first.v, 10)
        first.run(lt.RunSteps(5))
        first.save(tmp_path / "net")
        again = lt.AbstractProcess.load(
            tmp_path / "net", classes=[type(first.runtime.network.graph.run_cfg)]
        )
        for process in (first, again):
            process.run(lt.RunSteps(5))
        (copy,) = (p for p in again.runtime.network.graph.node_of if p.name == "late")
        np.testing.assert_array_equal(copy.get_data()["first"]["v"], late.get_data()["first"]["v"])
        again.stop()

    def test_a_second_target_needs_another(self, first):
        monitor = lt.Monitor(name="monitor")
        monitor.probe(first.v, 5)
        first.run(lt.RunSteps(1), run_cfg=cfg())
        with pytest.raises(RuntimeError, match="'monitor' cannot probe 'first.u' as well"):
            monitor.probe(first.u, 5)


class TestRefused:
    def test_what_cannot_be_compiled_leaves_all_as_it_was(self, first):
        first.run(lt.RunSteps(3), run_cfg=cfg(stepper="eager"))
        v, u = first.v.get(), first.u.get()
        later = Later()
        first.s_out.connect(later.inp)  # which has a numpy model
        for _ in range(2):
            with pytest.raises(lt.CompileError, match="'eager' cannot run.*numpy model"):
                first.run(lt.RunSteps(3))
            assert later.runtime is None and not later.is_compiled
            np.testing.assert_array_equal(first.v.get(), v)
        np.testing.assert_array_equal(first.u.get(), u)
        assert first.runtime.time_step == 3

    def test_numpy_models_go_on_by_the_same_channels(self, first, monkeypatch):
        """A receiver, and one that is behind, whatever failed after they were connected anew."""
        whole, end = neurons("whole"), Later("end")
        whole.s_out.connect(end.inp)
        whole.run(lt.RunSteps(40), run_cfg=cfg())
        later = Later()
        first.s_out.connect(later.inp)
        first.run(lt.RunSteps(20), run_cfg=cfg())
        first.s_out.connect(Later("more").inp)

        def fail(network):
            raise lt.CompileError("deliberate")

        monkeypatch.setattr(first.runtime, "adopt", fail)
        for _ in range(2):
            with pytest.raises(lt.CompileError, match="deliberate"):
                first.run(lt.RunSteps(5))
        # As if nothing had been connected.
        first.runtime.start(lt.RunSteps(20))
        np.testing.assert_array_equal(later.total.get(), end.total.get())
        assert end.total.get().all()
        whole.stop()

    def test_a_cycle(self, first):
        first.run(lt.RunSteps(3), run_cfg=cfg())
        second = neurons("second")
        first.s_out.connect(second.a_in)
        second.s_out.connect(first.a_in)
        with pytest.raises(lt.CompileError, match="cycle"):
            first.run(lt.RunSteps(3))
        assert first.runtime.time_step == 3

    def test_a_new_port(self, first):
        first.run(lt.RunSteps(3), run_cfg=cfg())
        first.more = lt.InPort((4,))
        first._post_init()
        neurons("second").s_out.connect(first.more)
        with pytest.raises(lt.CompileError, match=r"'first' has got \['more'\]"):
            first.run(lt.RunSteps(3))


def test_a_batch(first):
    first.run(lt.RunSteps(3), run_cfg=cfg(TorchLater, batch_size=2))
    later = Later()
    first.s_out.connect(later.inp)
    first.run(lt.RunSteps(20))
    assert later.total.get().shape == (2, 4) and later.total.get().all()


def test_trainable(first):
    first.run(lt.RunSteps(3), run_cfg=cfg(TorchLater, trainable=["first.vth", "dense.weights"]))
    dense = lt.Dense(weights=np.eye(4), name="dense")
    first.s_out.connect(dense.s_in)
    first.run(lt.RunSteps(3))
    names = [name for name, _ in first.runtime.network.named_parameters()]
    assert names == ["first.vth", "dense.weights"]


def test_messages_between_numpy_models_stay(first):
    """A receiver that is behind gets what was sent before the network grew."""

    class Slow(NumpyLater):
        def run_spk(self):
            if self.time_step > 5:
                self.total = self.total + self.inp.recv()

    first.bias_mant.init = 2.0  # a spike in each step
    one, two = Later("later"), Later("second")
    first.s_out.connect(one.inp)
    first.run(lt.RunSteps(5), run_cfg=cfg(Slow))
    first.s_out.connect(two.inp)
    first.run(lt.RunSteps(5))
    channels = one.model.hosted.inp.channels
    assert [len(c.items) for c in channels] == [5]
    assert one.total.get().tolist() == [5] * 4


def test_a_learning_rule_that_is_changed_keeps_the_weights():
    rule = lt.STDPLoihi(learning_rate=1, A_plus=1, A_minus=-1, tau_plus=10, tau_minus=10, t_epoch=2)
    pre, post = neurons("pre", bias_mant=0.7), neurons("post", bias_mant=0.4)
    dense = lt.LearningDense(weights=np.zeros((4, 4)), learning_rule=rule, name="dense")
    pre.s_out.connect(dense.s_in)
    dense.a_out.connect(post.a_in)
    post.s_out.connect(dense.s_in_bap)
    pre.run(lt.RunSteps(20), run_cfg=lt.Loihi2SimCfg())
    learned, model = dense.weights.get(), dense.model
    assert learned.any()
    dense.dw.set("0 * x1 * y0")
    pre.run(lt.RunSteps(20))
    np.testing.assert_array_equal(dense.weights.get(), learned)
    assert dense.model is model and isinstance(model.weights, torch.Tensor)
    pre.stop()
