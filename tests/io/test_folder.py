"""Checkpoints that a run writes: when, which are kept, and what is left after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoint_cases import assert_same, network, state_of

import lava_torch as lt

CFG = lt.Loihi2SimCfg(select_tag="floating_pt")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def step(number: int) -> str:
    return f"step-{number:09d}.safetensors"


@pytest.fixture
def lif():
    process = network("learning", "floating_pt")
    yield process
    process.stop()


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("stepper", ["auto", "eager"])
def test_at_multiples_and_the_newest_two(lif, tmp_path, stepper, blocking):
    folder = tmp_path / "a" / "folder"
    config = lt.Loihi2SimCfg(stepper=stepper)
    lif.run(lt.RunSteps(3), run_cfg=config)
    run = {"checkpoint_every": 5, "checkpoint": folder}
    lif.run(lt.RunSteps(14, blocking=blocking), **run)
    lif.wait()
    assert names(folder) == [step(10), step(15)]
    want = state_of(lif)
    system = lt.io.checkpoint.load(folder)
    assert system.time_step == 15
    system.process.run(lt.RunSteps(2))
    assert_same(state_of(system.process), want)
    system.process.run(lt.RunSteps(10), **run)
    assert names(folder) == [step(20), step(25)]
    system.process.stop()


def test_without_an_end(lif, tmp_path):
    lif.run(lt.RunContinuous(), run_cfg=CFG, checkpoint_every=7, checkpoint=tmp_path / "f")
    while len(names(tmp_path / "f")) < 2:
        pass
    lif.pause()
    newest = lif.runtime.time_step // 7 * 7
    assert names(tmp_path / "f") == [step(newest - 7), step(newest)]
    fresh = network("learning", "floating_pt")
    fresh.run(lt.RunSteps(newest), run_cfg=CFG)
    loaded = lt.LIF.load(tmp_path / "f")
    assert_same(state_of(loaded), state_of(fresh))
    for one in (fresh, loaded):
        one.stop()


def test_the_options(lif, tmp_path):
    (tmp_path / "file").touch()
    for options, error in [
        ({"checkpoint_every": 3}, ValueError),
        ({"checkpoint": tmp_path}, ValueError),
        ({"checkpoint_every": 0, "checkpoint": tmp_path}, ValueError),
        ({"checkpoint_every": 2.0, "checkpoint": tmp_path}, TypeError),
        ({"checkpoint_every": True, "checkpoint": tmp_path}, TypeError),
    ]:
        with pytest.raises(error, match="checkpoint_every"):
            lif.run(lt.RunSteps(4), run_cfg=CFG, **options)
    assert lif.runtime is None
    with pytest.raises(lt.CheckpointError, match="is a file"):
        lif.run(lt.RunSteps(4), CFG, checkpoint_every=1, checkpoint=tmp_path / "file")
    assert lif.runtime.time_step == 0


def test_a_folder_of_another_run_is_refused(lif, tmp_path):
    lif.run(lt.RunSteps(9), run_cfg=CFG, checkpoint_every=4, checkpoint=tmp_path)
    fresh = network("learning", "floating_pt")
    with pytest.raises(lt.CheckpointError, match=r"holds 'step-000000004.*at time step 0.*load"):
        fresh.run(lt.RunSteps(9), run_cfg=CFG, checkpoint_every=4, checkpoint=tmp_path)
    fresh.stop()


def test_a_broken_one_is_passed_over(lif, tmp_path):
    lif.run(lt.RunSteps(9), run_cfg=CFG, checkpoint_every=4, checkpoint=tmp_path)
    newest = tmp_path / step(8)
    newest.write_bytes(newest.read_bytes()[:-1])
    (tmp_path / ".step-000000012.safetensors.partial").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.warns(UserWarning, match=r"step-000000008.*is truncated.*step-000000004"):
        system = lt.io.checkpoint.load(tmp_path)
    assert system.time_step == 4
    system.process.run(lt.RunSteps(5), checkpoint_every=4, checkpoint=tmp_path)
    assert names(tmp_path) == ["notes.txt", step(4), step(8)]
    assert_same(state_of(system.process), state_of(lif))
    system.process.stop()
    for file in tmp_path.glob("step*"):
        file.write_bytes(b"")
    with pytest.raises(lt.CheckpointError, match="There is no checkpoint in .*truncated"):
        lt.LIF.load(tmp_path)
    with pytest.raises(lt.CheckpointError, match=r"holds no file step-"):
        (tmp_path / "empty").mkdir()
        lt.LIF.load(tmp_path / "empty")


@pytest.mark.parametrize("blocking", [True, False])
def test_a_disk_that_is_full(lif, tmp_path, monkeypatch, blocking):
    lif.run(lt.RunSteps(4), run_cfg=CFG, checkpoint_every=4, checkpoint=tmp_path)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        lif.run(lt.RunSteps(6, blocking=blocking), checkpoint_every=4, checkpoint=tmp_path)
        lif.wait()
    monkeypatch.undo()
    assert names(tmp_path) == [step(4)] and lif.runtime.time_step == 8
    lif.run(lt.RunSteps(4), checkpoint_every=4, checkpoint=tmp_path)
    assert names(tmp_path) == [step(4), step(12)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
@pytest.mark.parametrize(("kills", "more"), [(50, []), (10, ["numpy"])], ids=["torch", "numpy"])
def test_killed_at_any_moment(tmp_path, kills, more):
    worker = Path(__file__).with_name("killed_worker.py")
    done = subprocess.run(
        [sys.executable, str(worker), str(tmp_path / "folder"), str(kills), "1", *more],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == kills + 3
    reached = [int(found) for _, found in lines[1:-2]]
    assert reached == sorted(reached) and len(set(reached)) > 2, "no child came anywhere"
    assert lines[0][1] == lines[-2][1], done.stdout
    assert lines[-1] == ["files", step(150 * kills - 5), step(150 * kills)]
