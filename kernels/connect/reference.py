"""The specification, row by row in Python."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lava_torch.kernels.connect import BERNOULLI, GAPS, gap_table
from lava_torch.kernels.random import STREAMS, key
from lava_torch.kernels.random.reference import philox


def draws(seed: int, row: int, rule: int) -> Iterator[int]:
    """The words of a row under a rule, one after another."""
    block = 0
    while True:
        counter = [torch.tensor(c) for c in (block, row, rule, STREAMS["connectivity"])]
        yield from (int(word) for word in philox(*counter, *key(seed)))
        block += 1


def bernoulli_row(seed: int, row: int, post: int, p: float, skipped: int = -1) -> list[int]:
    """The targets of one presynaptic neuron, `skipped` left out."""
    limits = gap_table(p).limits.tolist()
    found, place = [], 0
    for u in draws(seed, row, BERNOULLI):
        gap = next((g for g, limit in enumerate(limits) if u < limit), GAPS)
        place += gap
        if place >= post:
            return found
        if gap < GAPS:
            if place != skipped:
                found.append(place)
            place += 1
    return found


def sample_row(
    seed: int, row: int, population: int, k: int, rule: int, skipped: int = -1
) -> list[int]:
    """k different numbers of range(population) without `skipped`, ascending.

    Of the rarer of chosen and not chosen ones each is drawn, again if it was drawn before.
    """
    available = population - (0 <= skipped < population)
    rare = min(k, available - k)
    drawn: set[int] = set()
    numbers = draws(seed, row, rule)
    while len(drawn) < rare:
        place = (next(numbers) * available) >> 32
        drawn.add(place)
    chosen = drawn if rare == k else set(range(available)) - drawn
    moved = (place + (0 <= skipped <= place) for place in chosen)
    return sorted(moved)
