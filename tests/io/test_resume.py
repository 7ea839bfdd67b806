"""A run that is saved, loaded and gone on with has the bits of one that was never interrupted."""

from __future__ import annotations

import pytest
from checkpoint_cases import NETWORKS, assert_same, network, resumed, state_of

import lava_torch as lt

TAGS = pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])


BATCHED = ["learning", "learning_convolved", "delayed", "other_neurons", "virtual_ports"]


@TAGS
@pytest.mark.parametrize("name", NETWORKS)
def test_goes_on_bit_by_bit(name, tag, tmp_path):
    process = network(name, tag)
    process.run(lt.RunSteps(7), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
    resumed(process, tmp_path / "x", 9).stop()


@TAGS
@pytest.mark.parametrize("name", BATCHED)
def test_in_a_batch_and_eager(name, tag, tmp_path):
    process = network(name, tag)
    config = lt.Loihi2SimCfg(select_tag=tag, batch_size=3, dtype="float64", stepper="eager")
    process.run(lt.RunSteps(4), run_cfg=config)
    loaded = resumed(process, tmp_path / "x", 3)
    assert loaded.runtime.stepper.name == "eager"
    loaded.stop()


@TAGS
@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_runtime(name, tag, tmp_path):
    """Before the first run the constructors' values are all that there is."""
    config = lt.Loihi2SimCfg(select_tag=tag)
    process = network(name, tag)
    process.save(tmp_path / "x")
    loaded = lt.AbstractProcess.load(tmp_path / "x")
    assert loaded.runtime is None and type(loaded) is type(process)
    for one in (process, loaded):
        one.run(lt.RunSteps(8), run_cfg=config)
    assert_same(state_of(loaded), state_of(process))
    for one in (process, loaded):
        one.stop()
