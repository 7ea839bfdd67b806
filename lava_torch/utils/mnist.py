"""The MNIST files (LeCun, Cortes, Burges): read where they are, or downloaded, checked by MD5."""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.request
from functools import cached_property
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
#: Names the folder of a MnistDataset that is given none.
FOLDER = "LAVA_TORCH_MNIST"


def download(folder: Path) -> None:
    """Fetch what is not there yet, and check it. Raises ValueError if a file is not MNIST's, and
    OSError if it cannot be fetched."""
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


def read(folder: Path, pixels: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
    """The two files of one set: pixels (N, 784) and labels (N,), uint8."""
    # A header of 16 or 8 bytes, then a byte for each pixel or label.
    with gzip.open(folder / pixels) as file:
        values = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28 * 28)
    with gzip.open(folder / labels) as file:
        return values, np.frombuffer(file.read(), np.uint8, offset=8)


class MnistDataset:
    """MNIST's images, (N, 784), and labels, (N,), uint8: `train_images`, `test_images`, both of
    them as `images`, and the same of labels.

    Parameters
    ----------
    data_path : the folder with MNIST's four files, which are downloaded to it (11 MB) where they
        are not there; None: what LAVA_TORCH_MNIST names, or else ~/.cache/lava_torch/mnist.

    Raises
    ------
    ValueError : `data_path` is a file, such as one of Lava's, which hold pickled arrays.
    OSError : files are not there and cannot be fetched.
    """

    def __init__(self, data_path: str | os.PathLike | None = None) -> None:
        default = os.environ.get(FOLDER) or Path.home() / ".cache" / "lava_torch" / "mnist"
        folder = Path(default if data_path is None else data_path)
        if folder.is_file() or folder.suffix == ".npy":
            raise ValueError(
                f"MnistDataset takes a folder with MNIST's files {list(MD5)}; got the file "
                f"'{folder}', which may hold pickled objects."
            )
        try:
            download(folder)
        except OSError as error:
            raise OSError(
                f"{folder} does not hold all of {list(MD5)}, and they cannot be fetched from "
                f"{MIRROR} ({error}). Put them there, or name their folder in {FOLDER}."
            ) from error
        self.train_images, self.train_labels = read(folder, *TRAIN)
        self.test_images, self.test_labels = read(folder, *TEST)

    @cached_property
    def images(self) -> np.ndarray:
        """Those to train with, then those to test with: (70000, 784)."""
        return np.concatenate([self.train_images, self.test_images])

    @cached_property
    def labels(self) -> np.ndarray:
        """Of `images`: (70000,)."""
        return np.concatenate([self.train_labels, self.test_labels])
