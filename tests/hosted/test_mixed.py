"""A network gives the same, whichever of its Processes have numpy models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_neurons import NUMPY, TORCH, dense, neurons

import lava_torch as lt

STEPS = 12


class Net:
    """Groups of neurons, with a Dense for each pair of `edges` and a direct connection for each of
    `direct`, which lead to later groups."""

    def __init__(self, seed, sizes, edges, direct):
        rng = np.random.default_rng(seed)
        self.groups = [neurons(rng, size, f"group_{i}") for i, size in enumerate(sizes)]
        self.connections = []
        for number, (a, b) in enumerate(edges):
            pair = self.groups[a], self.groups[b]
            self.connections.append(dense(rng, *pair, f"dense_{number}"))
        for a, b in direct:
            if self.groups[a].v.shape == self.groups[b].v.shape:
                self.groups[a].s_out.connect(self.groups[b].a_in)
        self.processes = self.groups + self.connections
        self.done = 0

    def run(self, models, monitored=()):
        """The Vars that change, by step, with these models for the first Processes."""
        cfg = lt.Loihi2SimCfg(
            select_tag="floating_pt",
            dtype="float64",
            exception_proc_model_map={
                p: m[type(p)] for p, m in zip(self.processes, models, strict=False) if m
            },
        )
        monitors = {(i, name): lt.Monitor() for i, name in monitored}
        for (i, name), monitor in monitors.items():
            monitor.probe(getattr(self.groups[i], name), STEPS)
        rows = []
        for _ in range(STEPS // 4):
            self.run_steps(1, cfg)
            rows.append(self.state())
            self.run_steps(3, cfg)
            rows.append(self.state())
        found = [m.get_data()[f"group_{i}"][name] for (i, name), m in monitors.items()]
        for process in self.processes:
            process.stop()
        return rows, found

    def run_steps(self, steps, cfg):
        self.done += steps
        for process in self.processes:  # they may be several networks
            if process.runtime is None or process.runtime.time_step < self.done:
                process.run(lt.RunSteps(steps), run_cfg=cfg)

    def state(self):
        return [
            *(g.v.get() for g in self.groups),
            *(g.u.get() for g in self.groups),
            *(c.a_buff.get() for c in self.connections),
        ]


@st.composite
def nets(draw):
    sizes = draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    group = st.integers(0, len(sizes) - 1)
    edges = draw(st.lists(st.tuples(group, group), max_size=6))
    pairs = [(a, b) for b in range(len(sizes)) for a in range(b)]
    direct = draw(st.lists(st.sampled_from(pairs), max_size=3, unique=True)) if pairs else []
    seed = draw(st.integers(0, 2**16))
    return seed, sizes, edges, direct


def equal(a, b):
    for step, (one, other) in enumerate(zip(*(a, b), strict=True)):
        for first, second in zip(one, other, strict=True):
            np.testing.assert_array_equal(first, second, err_msg=f"row {step}")


@settings(max_examples=60, deadline=None)
@given(net=nets(), data=st.data())
@pytest.mark.parametrize("compiled", [None, TORCH], ids=["rows", "calls"])
def test_any_part_may_have_numpy_models(compiled, net, data):
    size = len(net[1]) + len(net[2])
    hosted = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    probes = data.draw(
        st.lists(
            st.tuples(st.integers(0, len(net[1]) - 1), st.sampled_from(["v", "s_out"])),
            max_size=2,
            unique=True,
        )
    )
    expected = Net(*net).run([None] * size, probes)
    found = Net(*net).run([NUMPY if h else compiled for h in hosted], probes)
    equal(found[0], expected[0])
    equal(found[1], expected[1])
