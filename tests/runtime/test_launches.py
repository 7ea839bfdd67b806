"""The kernels of a step as a GPU would start them, interpreted; and captured, on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from launches_worker import STEPS, cases, label, mixed
from networks import NETWORKS
from triton_worker import work

import lava_torch as lt
from lava_torch.compiler.plan import make_plan
from lava_torch.kernels import spike
from lava_torch.kernels.equation.row import EquationOp
from lava_torch.runtime.steppers.launches import Launches

WORKER = Path(__file__).parent / "launches_worker.py"
CASES = [pytest.param(*case, id=label(*case)) for case in cases()]


@pytest.fixture(scope="session")
def launched(tmp_path_factory):
    return work(WORKER, "interpret", tmp_path_factory.mktemp("launches"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    return work(WORKER, "compile", tmp_path_factory.mktemp("launches"))


def stepped(name: str, tag: str, batch: int | None, **options) -> dict[str, torch.Tensor]:
    last = NETWORKS[name](tag, np.random.default_rng(0))
    cfg = lt.Loihi2SimCfg(select_tag=tag, dtype="float64", batch_size=batch, **options)
    last.run(lt.RunSteps(STEPS), run_cfg=cfg)
    state = {k: v.cpu().clone() for k, v in last.runtime.network.state_dict().items()}
    last.stop()
    return state


def assert_same(tag: str, got: dict, expected: dict) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        if tag == "fixed_pt":
            assert torch.equal(got[name], value), name
        else:
            torch.testing.assert_close(got[name], value, rtol=1e-12, atol=1e-12, msg=name)


@pytest.mark.parametrize(("name", "tag", "batch", "ordered"), CASES)
def test_interpreted_launches_agree_with_the_eager_stepper(name, tag, batch, ordered, launched):
    expected = stepped(name, tag, batch, stepper="eager")
    assert_same(tag, launched[label(name, tag, batch, ordered)], expected)


@pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
def test_interpreted_launches_between_numpy_models(tag, launched):
    expected = mixed(tag, launches=False)
    assert expected["lif.v"].any() and expected["clock.time_step"] == STEPS
    assert_same(tag, launched[f"mixed-{tag}"], expected)


def test_neurons_compile_ahead_without_spills(compiled):
    assert len(compiled) > 3 * len(NETWORKS)
    for key, (registers, spills, fused) in compiled.items():
        assert 0 < registers <= 128 and spills == 0 and not fused, key


def test_neurons_list_their_spikes_in_their_own_pass():
    network = lt.compile(NETWORKS["recurrent"]("fixed_pt", np.random.default_rng(0)), CFG)
    rows = Launches(make_plan(network)).rows
    assert [row.op.name for row in rows] == ["lif_fixed", "dense"]
    assert isinstance(rows[0].op, EquationOp) and rows[0].op.listed == 0


def test_deterministic_mode_lists_spikes_in_order():
    network = lt.compile(NETWORKS["recurrent"]("fixed_pt", np.random.default_rng(0)), CFG)
    torch.use_deterministic_algorithms(True)
    try:
        rows = Launches(make_plan(network)).rows
    finally:
        torch.use_deterministic_algorithms(False)
    assert [row.op for row in rows][1] is spike.COMPACT


CFG = lt.Loihi2SimCfg(select_tag="fixed_pt")


def test_the_graph_stepper_needs_a_gpu(chain):
    with pytest.raises(lt.CompileError, match="'graph' .* runs on a GPU"):
        chain.lif.run(lt.RunSteps(1), run_cfg=chain.cfg(stepper="graph"))


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "tag", "batch", "ordered"), CASES)
def test_captured_steps_agree_with_the_cpu(name, tag, batch, ordered):
    expected = stepped(name, tag, batch, stepper="table")
    torch.use_deterministic_algorithms(ordered)
    try:
        got = stepped(name, tag, batch, stepper="graph", device="cuda")
    finally:
        torch.use_deterministic_algorithms(False)
    assert_same(tag, got, expected)


@pytest.mark.gpu
def test_captured_steps_are_many_and_one(make_chain):
    whole, single = make_chain(fixed=True, steps=50), make_chain(fixed=True, steps=50)
    whole.lif.run(lt.RunSteps(50), run_cfg=whole.cfg(stepper="graph", device="cuda"))
    for _ in range(50):
        single.lif.run(lt.RunSteps(1), run_cfg=single.cfg(stepper="graph", device="cuda"))
    np.testing.assert_array_equal(whole.sink.data.get(), single.sink.data.get())
