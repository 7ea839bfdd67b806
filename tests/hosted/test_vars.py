"""Vars and state of numpy models: declarations, get and set, reset, copies, checkpoints."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse
import torch

import lava_torch as lt
from lava_torch.core import CPU, LoihiProtocol, implements, requires, tag

CFG = lt.Loihi2SimCfg()


class Walker(lt.AbstractProcess):
    """A random walk, sent; with Vars of all kinds."""

    def __init__(self, name="walker", **inits):
        super().__init__(name=name)
        self.s_out = lt.OutPort((3,))
        self.place = lt.Var((3,), inits.get("place", 0))
        self.pace = lt.Var((1,), inits.get("pace", 2))
        self.note = lt.Var((1,), "calm")
        self.map = lt.Var((2, 2), inits.get("map", scipy.sparse.csr_matrix([[0, 1.0], [2, 0]])))


@implements(Walker, LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class WalkerModel(lt.PyLoihiProcessModel):
    s_out: lt.PyOutPort = lt.LavaPyType(lt.PyOutPort.VEC_DENSE, np.int32)
    place: np.ndarray = lt.LavaPyType(np.ndarray, np.int32)
    pace: int = lt.LavaPyType(int, np.int32)
    note: str = lt.LavaPyType(str, str)
    map: scipy.sparse.csr_matrix = lt.LavaPyType(scipy.sparse.csr_matrix, float)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.rng = np.random.default_rng(5)
        self.seen = []
        self.updates = 0

    def on_var_update(self):
        self.updates += 1

    def run_spk(self):
        self.place += self.rng.integers(-self.pace, self.pace + 1, 3, dtype=np.int32)
        self.seen.append(int(self.place[0]))
        self.s_out.send(self.place)


@pytest.fixture
def walker():
    walker = Walker()
    yield walker
    walker.stop()


def model_of(process):
    return process.runtime.network.models[process.name].hosted


class TestGetAndSet:
    def test_values(self, walker):
        walker.run(lt.RunSteps(1), run_cfg=CFG)
        place = walker.place.get()
        assert place.dtype == np.float64 and place.tolist() == model_of(walker).place.tolist()
        assert walker.pace.get().tolist() == [2]
        assert walker.note.get() == "calm"
        assert walker.map.get().toarray().tolist() == [[0, 1], [2, 0]]

    def test_set(self, walker):
        walker.run(lt.RunSteps(1), run_cfg=CFG)
        walker.pace.set(np.array([0]))
        walker.place.set(np.array([4, 5, 6]))
        walker.place.set(9, idx=1)
        walker.note.set("wild")
        walker.map.set(scipy.sparse.csr_matrix([[0, 5.0], [6, 0]]))
        walker.run(lt.RunSteps(1))
        assert walker.place.get().tolist() == [4, 9, 6]
        assert walker.note.get() == "wild"
        assert walker.map.get().toarray().tolist() == [[0, 5], [6, 0]]
        model = model_of(walker)
        assert model.updates == 5 and type(model.pace) is int and model.place.dtype == np.int32

    @pytest.mark.parametrize(
        ("var", "value"),
        [
            ("place", np.zeros(2)),
            ("note", 5),
            ("map", scipy.sparse.csr_matrix([[1.0, 0], [0, 0]])),
            ("map", scipy.sparse.csr_matrix([[1.0]])),
        ],
    )
    def test_what_does_not_fit_is_refused(self, walker, var, value):
        walker.run(lt.RunSteps(1), run_cfg=CFG)
        before = walker.place.get()
        with pytest.raises(ValueError, match=f"'{var}' of Process 'walker'"):
            getattr(walker, var).set(value)
        np.testing.assert_array_equal(walker.place.get(), before)

    def test_ten_thousand_runs_of_one_step(self, walker):
        for i in range(10_000):
            walker.run(lt.RunSteps(1), run_cfg=CFG)
            walker.place.set(np.full(3, i))
        assert walker.place.get().tolist() == [9999] * 3
        assert walker.runtime.time_step == 10_000


class TestDeclarations:
    def declared(self, **changes):
        return type("Model", (WalkerModel,), changes)

    def run(self, model, walker=None):
        walker = walker or Walker()
        walker.run(
            lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(exception_proc_model_map={Walker: model})
        )
        walker.stop()

    def test_one_too_many(self):
        model = self.declared(speed=lt.LavaPyType(float, float))
        with pytest.raises(AssertionError, match=r"'walker', declares \['speed'\]"):
            self.run(model)

    def test_one_too_few(self):
        class Bare(lt.PyLoihiProcessModel):
            s_out: lt.PyOutPort = WalkerModel.s_out

        with pytest.raises(AssertionError, match=r"does not declare \['map', 'note', 'pace', 'pl"):
            self.run(Bare)

    def test_a_port_that_is_no_port(self):
        model = self.declared(s_out=lt.LavaPyType(np.ndarray, float))
        with pytest.raises(AssertionError, match="'walker.s_out'.*kind of port"):
            self.run(model)

    def test_an_init_that_does_not_fit(self):
        with pytest.raises(ValueError, match=r"'place' of Process 'walker' of shape \(3,\)"):
            self.run(WalkerModel, Walker(place=np.zeros(4)))

    def test_floats_are_cut_off(self, walker):
        process = Walker(place=np.array([1.9, -1.9, 0]), pace=0)
        process.run(lt.RunSteps(1), run_cfg=CFG)
        assert process.place.get().tolist() == [1, -1, 0]
        process.stop()

    def test_a_batch_is_refused(self, walker):
        with pytest.raises(lt.CompileError, match="'walker' has the numpy model WalkerModel.*=3"):
            walker.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(batch_size=3))

    def test_no_gradient_leads_through(self, walker):
        network = lt.compile(walker, CFG)
        with pytest.raises(lt.CompileError, match=r"\['walker'\] have numpy models"):
            network(steps=3)

    @pytest.mark.parametrize("stepper", ["eager", "table"])
    def test_only_its_own_stepper(self, walker, stepper):
        with pytest.raises(ValueError, match="'walker'.*numpy model"):
            walker.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(stepper=stepper))


def mixed():
    """A walker into compiled neurons, watched by a numpy model."""
    walker, lif = Walker(), lt.LIF(shape=(3,), vth=3, du=0.5, dv=0.1, name="lif")
    walker.s_out.connect(lif.a_in)
    return walker, lif


def state(walker, lif):
    return [walker.place.get(), lif.u.get(), lif.v.get()]


class TestState:
    def test_a_copy_of_a_network_goes_its_own_way(self):
        walker, lif = mixed()
        network = lt.compile(walker, CFG)
        other = copy.deepcopy(network)
        for number in (network, other):
            walker.create_runtime(CFG, number)
            walker.run(lt.RunSteps(20))
            walker.stop()
        assert network.models["walker"].hosted.seen == other.models["walker"].hosted.seen
        assert network.models["walker"].hosted is not other.models["walker"].hosted

    def test_reset(self):
        walker, lif = mixed()
        walker.run(lt.RunSteps(10), run_cfg=CFG)
        walker.place.set(np.full(3, 77))
        walker.runtime.reset()
        assert walker.runtime.time_step == 0
        assert all(not s.any() for s in state(walker, lif))
        walker.stop()

    def test_a_checkpoint_holds_all_of_it(self, tmp_path, recwarn):
        whole = mixed()
        whole[0].run(lt.RunSteps(30), run_cfg=CFG)
        first = mixed()
        first[0].run(lt.RunSteps(12), run_cfg=CFG)
        first[0].save(tmp_path / "net")
        first[0].stop()
        walker = lt.AbstractProcess.load(tmp_path / "net")
        (lif,) = (p for p in walker.runtime.network.graph.node_of if p.name == "lif")
        assert walker.runtime.time_step == 12
        walker.run(lt.RunSteps(18))
        for one, other in zip(state(*whole), state(walker, lif), strict=True):
            np.testing.assert_array_equal(one, other)
        assert model_of(walker).seen == model_of(whole[0]).seen
        assert not recwarn
        whole[0].stop(), walker.stop()

    def test_a_state_dict_through_a_file(self, tmp_path):
        kept = {
            "bools": np.array([True, False]),
            "complex": np.array([1j, 2]),
            "words": np.array([2**64 - 1], np.uint64),
            "big-endian": np.arange(3, dtype=">i4"),
            "texts": np.array([["a", "bc"]]),
            "number": np.float32(0.1),
            "nested": [1, (2.5, "x", None), {"y": np.int8(3)}],
        }

        class Keeping(WalkerModel):
            def __init__(self, proc_params):
                super().__init__(proc_params)
                self.kept = {}

        walker = Walker()
        network = lt.compile(walker, lt.Loihi2SimCfg(exception_proc_model_map={Walker: Keeping}))
        model = network.models["walker"].hosted
        model.kept = kept
        model.rng.random(7)
        torch.save(network.state_dict(), tmp_path / "net.pt")
        following, model.rng = model.rng.random(3), np.random.default_rng()
        model.kept = {}
        network.load_state_dict(torch.load(tmp_path / "net.pt"))
        np.testing.assert_array_equal(model.rng.random(3), following)
        assert model.kept.keys() == kept.keys() and model.kept["nested"] == kept["nested"]
        for name in list(kept)[:6]:
            np.testing.assert_array_equal(model.kept[name], kept[name])
            assert model.kept[name].dtype == kept[name].dtype.newbyteorder("=")
        assert type(model.kept["nested"][2]["y"]) is np.int8

    def test_a_run_goes_on_from_its_last_checkpoint(self, tmp_path):
        whole = mixed()
        whole[0].run(lt.RunSteps(30), run_cfg=CFG)
        first = mixed()
        folder = tmp_path / "run"
        first[0].run(lt.RunSteps(23), run_cfg=CFG, checkpoint_every=5, checkpoint=folder)
        first[0].stop()
        walker = lt.AbstractProcess.load(folder)
        assert walker.runtime.time_step == 20
        walker.run(lt.RunSteps(10))
        (lif,) = (p for p in walker.runtime.network.graph.node_of if p.name == "lif")
        for one, other in zip(state(*whole), state(walker, lif), strict=True):
            np.testing.assert_array_equal(one, other)
        whole[0].stop(), walker.stop()

    def test_what_a_checkpoint_does_not_hold_is_said(self, tmp_path):
        class Files(WalkerModel):
            def __init__(self, proc_params):
                super().__init__(proc_params)
                self.thing = object()

        walker = Walker()
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Walker: Files})
        walker.run(lt.RunSteps(1), run_cfg=cfg)
        with pytest.warns(
            UserWarning, match=r"'walker': a checkpoint does not hold thing \(object"
        ):
            walker.save(tmp_path / "net")
        walker.stop()
