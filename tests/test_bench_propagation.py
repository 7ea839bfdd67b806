"""Propagation alone, and convolution."""

from __future__ import annotations

import math

import pytest
import torch
from bench_cases import TINY, arguments, quicken

from lava_torch.bench import BenchError, Row, conv, sparse


@pytest.mark.parametrize("density", [0.1, 1.0], ids=["sparse", "all-to-all"])
@pytest.mark.parametrize("activity", [0.001, 0.3, 1.0])
def test_sparse_contenders_have_the_same_sums(density, activity):
    problem = sparse.with_spikes(sparse.draw(50, density, 4, "cpu"), activity, 5)
    assert (problem.spikes.sum(dim=1) == max(round(activity * 50), 1)).all()
    events, dense = sparse.Events(problem), sparse.DenseProduct(problem)
    for contender in (events, dense):
        contender.turns(2)
    torch.testing.assert_close(events.out, dense.out)
    expected = problem.spikes.float() @ problem.dense.t()
    torch.testing.assert_close(dense.out, expected)
    assert events.events == int((problem.spikes.long() @ (problem.dense != 0).long().t()).sum())


def test_sparse_refuses_wrong_sums():
    with pytest.raises(BenchError, match="sums of dense differ from those of lava_torch"):
        sparse.check_sums({"lava_torch": torch.zeros(3), "dense": torch.tensor([0.0, 2.0, 0.0])})


def test_sparse_has_no_stepper():
    with pytest.raises(BenchError, match="drop --stepper eager"):
        sparse.run(arguments(["sparse", "--stepper", "eager"]))


@pytest.mark.parametrize(
    ("ratios", "where"),
    [
        ([0.1, 0.5, 0.9], None),
        ([2.0, 3.0, 4.0], 0.01),
        ([0.25, 0.5, 2.0], math.sqrt(0.1)),
        ([0.5, 2.0, 4.0], math.sqrt(0.001)),
        ([2.0, 0.5, 2.0], math.sqrt(0.1)),
    ],
)
def test_crossover(ratios, where):
    found = sparse.crossover([0.01, 0.1, 1.0], ratios)
    assert found == (where if where is None else pytest.approx(where))


def test_crossover_is_in_each_row(monkeypatch):
    quicken(monkeypatch)
    monkeypatch.setattr(Row, "ratio", lambda row, peer: 8 * row.case["activity"])
    rows = sparse.run(
        arguments(["sparse", "--n", "20", "--activity", "0.1", "0.2", "--repeats", "1"])
    )
    assert [row.facts["dense overtakes at"] for row in rows] == pytest.approx([0.125] * 4)


def test_conv_and_its_peer_have_the_same_sums():
    args = arguments(TINY["conv"])
    drawn = conv.Drawn(0.3, args)
    ours, peer = conv.OurConv(drawn, 30, args), conv.TorchConv(drawn, 30, args)
    ours.start()
    ours.run()
    conv.check_sums(ours, peer, 30)
    assert float(ours.result().abs().sum()) > 0
    with pytest.raises(BenchError, match="differ by up to"):
        conv.check_sums(ours, peer, 29)
    ours.close()


def test_conv_counts_the_weights_that_are_met():
    drawn = conv.Drawn(1.0, arguments(TINY["conv"]))
    inner, edge, corner = 4 * 4 * 9, 4 * 4 * 6, 4 * 4
    assert drawn.events() == (inner + edge + corner) * 2 * 3
