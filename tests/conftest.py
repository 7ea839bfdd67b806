"""What all tests share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no GPU on this machine"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    # Tests are small: more threads would wait for each other on a busy machine.
    torch.set_num_threads(1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


class Chain:
    """source -> Dense -> LIF -> sink, the network that most tests run."""

    def __init__(self, fixed: bool = False, steps: int = 20, n: int = 5, m: int = 7, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.spikes = (rng.random((m, steps)) < 0.4).astype(int)
        weights = rng.normal(0, 1, (n, m))
        if fixed:
            weights = np.rint(weights * 60).clip(-254, 254).astype(int)
            neurons = {"du": 1000, "dv": 300, "vth": 40}
        else:
            neurons = {"du": 0.3, "dv": 0.1, "vth": 1.0}
        self.tag = "fixed_pt" if fixed else "floating_pt"
        self.source = lt.io.source.RingBuffer(data=self.spikes, name="source")
        self.dense = lt.Dense(weights=weights, name="dense")
        self.lif = lt.LIF(shape=(n,), name="lif", **neurons)
        self.sink = lt.io.sink.RingBuffer(shape=(n,), buffer=steps, name="sink")
        self.source.s_out.connect(self.dense.s_in)
        self.dense.a_out.connect(self.lif.a_in)
        self.lif.s_out.connect(self.sink.a_in)

    def cfg(self, **options) -> lt.Loihi2SimCfg:
        return lt.Loihi2SimCfg(select_tag=self.tag, **options)


@pytest.fixture(params=[False, True], ids=["floating", "fixed"])
def chain(request: pytest.FixtureRequest):
    network = Chain(fixed=request.param)
    yield network
    network.lif.stop()


@pytest.fixture
def make_chain():
    made: list[Chain] = []

    def make(**kwargs) -> Chain:
        made.append(Chain(**kwargs))
        return made[-1]

    yield make
    for network in made:
        network.lif.stop()
