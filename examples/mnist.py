"""The MNIST files (LeCun, Cortes, Burges), as they are or to be downloaded.

They are taken from a folder; where they are not there, and if it is asked for, they are downloaded
and checked by their MD5.
"""

from __future__ import annotations

import gzip
import hashlib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
TRAIN, TEST = tuple(MD5)[:2], tuple(MD5)[2:]


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


def download(folder: Path) -> None:
    """Fetch what is not there yet, and check it. Raises ValueError if a file is not MNIST's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, digest in MD5.items():
        if (folder / name).exists():
            continue
        with urllib.request.urlopen(MIRROR + name, timeout=60) as response:
            content = response.read()
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != digest:
            raise ValueError(f"{MIRROR}{name} has the MD5 {found}; MNIST's file has {digest}.")
        (folder / name).write_bytes(content)


def _some(images: Images, number: int, what: str, rng: np.random.Generator) -> Images:
    if number > len(images):
        raise ValueError(f"{number} images to {what} were asked for; there are {len(images)}.")
    return images[rng.permutation(len(images))[:number]]


def _read(folder: Path, pixels: str, labels: str) -> Images:
    """The two files of one set: a header of 16 or 8 bytes, then a byte a pixel or a label."""
    with gzip.open(folder / pixels) as file:
        values = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28 * 28)
    with gzip.open(folder / labels) as file:
        return Images(values, np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64))
