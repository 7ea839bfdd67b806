"""The numbers that round synapses are as random as if each synapse had drawn its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lava_torch.kernels import learning
from lava_torch.kernels.learning.update import noise
from lava_torch.kernels.learning.update.reference import rounding

EPOCHS, M, N = 200, 48, 64


def words(size: int, epoch: int) -> torch.Tensor:
    drawn = torch.zeros(1, size, dtype=torch.int32)
    learning.DRAW.on(drawn, torch.tensor([4 * epoch]), 4, noise.STREAM, 11, 7).run("reference")
    return drawn


@pytest.fixture(scope="module")
def numbers() -> np.ndarray:
    """(EPOCHS, M, N), in [0, 127]."""
    places = torch.arange(M).view(-1, 1), torch.arange(N).view(1, -1)
    tx = torch.zeros(1, M)
    drawn = [rounding({"words": words(M + N, e), "tx": tx}, places) for e in range(EPOCHS)]
    return torch.cat(drawn).numpy()


@pytest.fixture(scope="module")
def normed(numbers) -> np.ndarray:
    """With mean 0 and variance 1."""
    return (numbers - 63.5) / np.sqrt((128**2 - 1) / 12)


def near(value: float, expected: float, deviation: float) -> None:
    """Within four standard deviations; the numbers are the same in every run."""
    assert abs(value - expected) < 4 * deviation, (value, expected, deviation)


def test_words_are_odd_and_of_their_neuron_alone():
    first, more = words(10, 3), words(64, 3)
    assert (first & 1).all()
    assert torch.equal(first, more[:, :10])
    assert len(set(more[0].tolist())) == 64
    assert not torch.equal(more, words(64, 4))


def test_they_are_uniform(numbers):
    counts = np.bincount(numbers.ravel(), minlength=128)
    assert len(counts) == 128
    expected = numbers.size / 128
    near(((counts - expected) ** 2 / expected).sum(), 127, np.sqrt(2 * 127))


def test_sums_vary_as_those_of_independent_numbers(normed):
    near((normed.sum(2) ** 2).mean() / N, 1, np.sqrt(2 / (EPOCHS * M)))
    near((normed.sum(1) ** 2).mean() / M, 1, np.sqrt(2 / (EPOCHS * N)))
    near((normed.sum((1, 2)) ** 2).mean() / (M * N), 1, np.sqrt(2 / EPOCHS))


def test_one_epoch_knows_nothing_of_the_last(normed):
    near((normed[1:] * normed[:-1]).mean(), 0, 1 / np.sqrt(normed[1:].size))


# Of smaller fractions four are rounded up together too seldom for the mean to be normal.
@pytest.mark.parametrize("fraction", [16, 32, 64, 100])
def test_four_in_a_rectangle_do_not_hang_together(numbers, fraction):
    share = fraction / 128
    up = ((numbers < fraction) - share) / np.sqrt(share * (1 - share))
    corners = up[:, :-1, :-1] * up[:, 1:, :-1] * up[:, :-1, 1:] * up[:, 1:, 1:]
    near(corners.mean(), 0, corners.std() / np.sqrt(corners.size))
    apart = up[:, :-9, :-9] * up[:, 9:, :-9] * up[:, :-9, 9:] * up[:, 9:, 9:]
    near(apart.mean(), 0, apart.std() / np.sqrt(apart.size))
