"""The MNIST files (LeCun, Cortes, Burges), as they are or to be downloaded.

They are taken from a folder; where they are not there, and if it is asked for, they are downloaded
and checked by their MD5.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lava_torch.utils.mnist import TEST, TRAIN, download, read

__all__ = ["TEST", "TRAIN", "Images", "download", "load"]


@dataclass(frozen=True)
class Images:
    """Pixels (N, 784), uint8, and labels (N,)."""

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | np.ndarray) -> Images:
        return Images(self.pixels[index], self.labels[index])


def load(folder: Path, train: int, test: int, seed: int) -> tuple[Images, Images]:
    """`train` images to learn from, and `test` held out: of MNIST's two sets, or both of its test
    set where that is all there is in `folder`.

    Raises FileNotFoundError where neither is there, ValueError for more images than there are.
    """
    rng = np.random.default_rng(seed)
    if not all((folder / name).exists() for name in TEST):
        raise FileNotFoundError(
            f"{folder} does not hold {TEST[0]} and {TEST[1]}. Name their folder by --data, or pass "
            "--download to fetch all of MNIST into it (11 MB)."
        )
    held_out = _read(folder, *TEST)
    if all((folder / name).exists() for name in TRAIN):
        learnt = _read(folder, *TRAIN)
        return _some(learnt, train, "train", rng), _some(held_out, test, "test", rng)
    both = _some(held_out, train + test, "train and test", rng)
    return both[:train], both[train:]


def _some(images: Images, number: int, what: str, rng: np.random.Generator) -> Images:
    if number > len(images):
        raise ValueError(f"{number} images to {what} were asked for; there are {len(images)}.")
    return images[rng.permutation(len(images))[:number]]


def _read(folder: Path, pixels: str, labels: str) -> Images:
    values, numbers = read(folder, pixels, labels)
    return Images(values, numbers.astype(np.int64))
