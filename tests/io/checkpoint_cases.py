"""What the tests of checkpoints share: networks, and the state that two of them must agree in."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

import lava_torch as lt


def _networks():
    file = Path(__file__).parents[1] / "runtime" / "networks.py"
    spec = importlib.util.spec_from_file_location("checkpoint_networks", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NETWORKS


NETWORKS = _networks()


def network(name: str, tag: str, seed: int = 0) -> lt.AbstractProcess:
    return NETWORKS[name](tag, np.random.default_rng(seed))


def state_of(process: lt.AbstractProcess) -> dict[str, np.ndarray]:
    """Every bit that a network has between two runs."""
    compiled = process._network_runtime.network
    state = {key: np.asarray(value).copy() for key, value in compiled.state_dict().items()}
    for name, model in compiled.models.items():
        state |= {f"{name}.{key}": text for key, text in model.strings.items()}
    return state


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    assert list(got) == list(want)
    for name in want:
        if isinstance(want[name], np.ndarray):
            assert got[name].dtype == want[name].dtype, name
        np.testing.assert_array_equal(got[name], want[name], err_msg=name)


def resumed(process: lt.AbstractProcess, path: Path, steps: int, **kwargs) -> lt.AbstractProcess:
    """Save, run on; load, run on: both must be the same. Gives the loaded Process."""
    process.save(path)
    process.run(lt.RunSteps(steps))
    loaded = type(process).load(path, **kwargs)
    before = lt.io.checkpoint.load(path, **kwargs)
    assert before.time_step + steps == process.runtime.time_step
    loaded.run(lt.RunSteps(steps))
    assert_same(state_of(loaded), state_of(process))
    for one in (before.process, process):
        one.stop()
    return loaded
