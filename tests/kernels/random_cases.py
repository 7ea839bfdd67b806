"""What is drawn on every backend."""

from __future__ import annotations

SEED = (5 << 32) + 11
BERNOULLI = [
    (pre, post, p, loops)
    for pre, post in ((0, 4), (1, 1), (40, 70))
    for p in (0.0, 0.003, 0.3, 1.0)
    for loops in (True, False)
    if loops or post == 70
]
SAMPLES = [
    (rows, population, k, loops)
    for rows, population in ((1, 2), (40, 33))
    for k in (0, population // 3, population - 1)
    for loops in (True, False)
]
