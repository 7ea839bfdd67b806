"""The balanced network, and the Brian2 program beside it."""

from __future__ import annotations

import math
import os
import sys

import numpy as np
import pytest
import torch
from bench_cases import TINY, arguments, quicken

from lava_torch.bench import BenchError, balanced, balanced_build, brian2_peer, memory


@pytest.fixture
def network():
    case = balanced.Case(300, 0.1, 120)
    return balanced.Network(case, case.connect(3, "cpu"), case.voltages(3))


def test_balanced_weights():
    weights = balanced.Case(50, 0.1, 1).weights()
    assert weights[39] == pytest.approx(0.12 / math.sqrt(5))
    assert weights[40] == pytest.approx(-4.5 * 0.12 / math.sqrt(5))


def test_balanced_and_its_peer_compute_the_same(network):
    args = arguments(["balanced"])
    spikes = balanced.recorded_spikes(network, args)
    peer = balanced.TorchBalanced(network, args)
    peer.prepare()
    peer.run()
    assert peer.work == 120 and spikes.shape == (120, 300)
    assert 0 < int(spikes.sum()) < spikes.numel() / 2
    assert int(peer.count) == int(spikes.sum())


def test_balanced_facts(network):
    spikes = balanced.recorded_spikes(network, arguments(["balanced"]))
    facts, floor = balanced.describe(network, spikes, 10.0, "cpu")
    degrees = network.csr.indptr.diff()
    assert facts["events/step"] == pytest.approx(int((spikes * degrees).sum()) / 120)
    assert facts["ns/event"] == pytest.approx(10_000 / facts["events/step"])
    assert floor.moved > 6 * facts["events/step"]
    assert "real-time factor" not in facts


def test_balanced_in_biological_time(network):
    case = balanced.Case(300, 0.1, 120, bias=(0.05, 0.06), milliseconds=0.1)
    bias = case.lif["bias_mant"]
    assert bias.shape == (300,) and (bias.min(), bias.max()) == pytest.approx((0.05, 0.06))
    network = balanced.Network(case, network.csr, network.v)
    spikes = balanced.recorded_spikes(network, arguments(["balanced"]))
    facts, _ = balanced.describe(network, spikes, 25.0, "cpu")
    assert facts["real-time factor"] == pytest.approx(0.25)
    assert facts["spikes/s/neuron"] == pytest.approx(int(spikes.sum()) / 300 / 0.012)


def test_balanced_refuses_a_peer_that_computes_something_else(monkeypatch):
    quicken(monkeypatch)
    monkeypatch.setattr(balanced, "float_lif", lambda a, u, v, **_: (torch.ones_like(a), u, v))
    with pytest.raises(BenchError, match="do not compute the same.*with torch"):
        balanced.run(arguments(TINY["balanced"]))


def test_balanced_cases():
    def sizes(*options: str) -> list[int]:
        return [case.n for case in balanced.cases(arguments(["balanced", *options]))]

    assert sizes() == [4000]
    assert sizes("--large", "--huge") == [4000, 20_000, 77_000]
    assert sizes("--n", "5", "6", "--large") == [5, 6]
    assert [c.steps for c in balanced.cases(arguments(["balanced", "--steps", "7"]))] == [7]


def test_building_is_measured_part_by_part():
    wanted = {
        "device": "cpu",
        "stepper": "auto",
        "seed": 0,
        "case": vars(balanced.Case(50, 0.1, 9)),
    }
    found = balanced_build.measured(wanted, 0.0)
    assert {"connect, ms", "compile, ms", "first step, ms"} <= found.keys()
    assert all(value >= 0 for value in found.values())


@pytest.mark.skipif(memory.resident() is None, reason="the system does not tell")
def test_memory_counts_what_is_used():
    before = memory.resident()
    kept = np.ones(40 << 20, np.uint8)
    assert memory.resident() - before > 30 << 20 or memory.peak() - before > 30 << 20
    assert memory.peak() >= kept.nbytes


def test_python_without_brian2(monkeypatch, tmp_path):
    monkeypatch.setenv(brian2_peer.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(BenchError, match="cannot start .*none"):
        balanced.run(arguments([*TINY["balanced"], "--vs", "brian2"]))
    (tmp_path / "brian2.py").write_text("raise ImportError('it needs numpy<2')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(BenchError, match=r"cannot import Brian2 \(ImportError: it needs numpy<2"):
        brian2_peer.find_python(sys.executable)


STAND_IN = r"""
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
given = json.loads((folder / "parameters.json").read_text())
program = folder / "standalone/main"
(folder / "standalone/results").mkdir(parents=True)
program.write_text("#!/bin/sh\necho 0.25 1 > results/last_run_info.txt\n")
program.chmod(0o755)
print("some talk")
print(json.dumps({"spikes": given["n"] + given["steps"]}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_brian2_is_started_and_read(network, monkeypatch, tmp_path):
    """Brian2 is seldom installed beside numpy 2: a script stands for it."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    monkeypatch.setattr(brian2_peer, "SCRIPT", script)
    peer = brian2_peer.Brian2Balanced(network, sys.executable)
    peer.start()
    assert peer.count == 300 + 120
    assert peer.timed_run() == 250
    assert np.load(peer.folder / "w.npy").shape == np.load(peer.folder / "i.npy").shape
    peer.close()
    assert not peer.folder.exists()


@pytest.mark.skipif(brian2_peer.VARIABLE not in os.environ, reason="no Python with Brian2 is named")
def test_brian2_computes_the_same(network):
    spikes = balanced.recorded_spikes(network, arguments(["balanced"]))
    peer = brian2_peer.Brian2Balanced(network, brian2_peer.find_python(None))
    peer.start()
    assert peer.count == int(spikes.sum())
    assert peer.timed_run() > 0
    peer.close()
