"""The learning benchmark: what it compares computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from bench_cases import arguments, quicken

from lava_torch.bench import BenchError, learning

ARGV = ["learning", "--n", "12", "--steps", "40", "--repeats", "1"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    quicken(monkeypatch)


@pytest.mark.parametrize("more", [[], ["--sparse", "0.4"], ["--t-epoch", "3"]], ids=str)
def test_both_learn_the_same(more):
    args = arguments([*ARGV, *more, "--precision", "floating_pt"])
    (row,) = learning.run(args)
    assert row.case == {
        "n": 12, "precision": "floating_pt", "t_epoch": args.t_epoch, "steps": 40,
    }  # fmt: skip
    assert row.facts["synapses"] <= 144
    assert "learning" not in row.profile and any("update" in name for name in row.profile)


def test_a_row_for_each_size_and_precision():
    cases = [row.case for row in learning.run(arguments([*ARGV[:2], "5", *ARGV[2:]]))]
    assert [(c["n"], c["precision"]) for c in cases] == [
        (n, precision) for n in (5, 12) for precision in learning.PRECISIONS
    ]


def test_who_learns_something_else_is_found(monkeypatch):
    monkeypatch.setattr(learning.TorchLearning, "_learn", lambda self: None)
    with pytest.raises(BenchError, match="the contenders do not learn the same"):
        learning.run(arguments([*ARGV, "--precision", "floating_pt"]))


def test_the_share_of_neurons_that_spike_in_an_epoch():
    spikes = np.array([[1, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 1, 0, 1]])
    assert learning._share(spikes, 3) == pytest.approx(2 / 4)
