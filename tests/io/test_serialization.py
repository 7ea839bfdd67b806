"""Lava's `save` and `load`."""

from __future__ import annotations

import numpy as np
import pytest
from checkpoint_cases import assert_same, network, state_of

import lava_torch as lt
from lava_torch import compat
from lava_torch.utils.serialization import load, save

CFG = lt.Loihi2SimCfg(select_tag="fixed_pt")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_processes_with_their_executable(tmp_path):
    lif = network("learning", "fixed_pt")
    executable = lif.compile(CFG)
    save(lif, "network", executable)
    assert [file.name for file in tmp_path.iterdir()] == ["network.pickle"]
    loaded, again = load("network.pickle")
    assert type(loaded) is lt.LIF and isinstance(again, lt.Executable) and loaded.is_compiled
    loaded.create_runtime(CFG, again)
    loaded.run(lt.RunSteps(9))
    lif.create_runtime(CFG, executable)
    lif.run(lt.RunSteps(9))
    assert_same(state_of(loaded), state_of(lif))
    save([lif], "later.net", executable)  # with the state that it has now
    (later,), reached = load("later.net")
    later.create_runtime(executable=reached)
    for one in (later, lif):
        one.run(lt.RunSteps(4))
    assert later.runtime.time_step == 13
    assert_same(state_of(later), state_of(lif))
    for one in (lif, loaded, later):
        one.stop()


def test_processes_alone():
    first, second = lt.LIF(shape=(2,), name="first"), lt.LIF(shape=(3,), name="second")
    save([first, second], "two.processes")
    processes, executable = load("two.processes")
    assert [process.name for process in processes] == ["first", "second"] and executable is None
    processes[1].run(lt.RunSteps(2), run_cfg=CFG)
    np.testing.assert_array_equal(processes[1].v.get(), np.zeros(3))
    processes[1].stop()


def test_an_executable_alone():
    lif = network("learning", "fixed_pt")
    executable = lif.compile(CFG)
    save([], "executable", executable)
    processes, again = load("executable.pickle")
    assert processes == []
    names = sorted(process.name for process in again.process_list)
    assert names == sorted(process.name for process in executable.process_list)
    loaded = next(process for process in again.process_list if process.name == lif.name)
    for process, runs in ((lif, executable), (loaded, again)):
        process.create_runtime(CFG, runs)
        process.run(lt.RunSteps(5))
    assert_same(state_of(loaded), state_of(lif))
    for process in (lif, loaded):
        process.stop()


def test_one_executable_of_several_networks():
    first, second = lt.LIF(shape=(2,), name="first"), lt.LIF(shape=(3,), name="second")
    executable = second.compile(CFG)
    save([first, second], "two", executable)
    (one, two), again = load("two.pickle")
    assert not one.is_compiled and two.is_compiled and list(again.network.models) == ["second"]
    with pytest.raises(ValueError, match="not of the Processes"):
        save(first, "one", executable)
    for process in (second, two):
        process.create_runtime(executable=again if process is two else executable)
        process.stop()


def test_wrong_types():
    lif = lt.LIF(shape=(1,))
    for arguments in [(3, "x"), ([lif, 3], "x"), ((lif,), "x"), (lif, 3), (lif, "x", "executable")]:
        with pytest.raises(TypeError):
            save(*arguments)
    with pytest.raises(TypeError):
        load(3)
    with pytest.raises(ValueError):
        save([], "x")
    with pytest.raises(OSError):
        load("missing.pickle")


def test_by_the_name_that_lava_has():
    compat.install()
    try:
        from lava.utils.serialization import load as theirs

        assert theirs is load
    finally:
        compat.uninstall()
