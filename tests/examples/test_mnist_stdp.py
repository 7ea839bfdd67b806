"""The MNIST example in small, on scikit-learn's digits written as MNIST's files are."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lava_torch.examples import mnist, mnist_stdp


def write(folder, names, pixels, labels):
    for name, header, values in zip(names, (16, 8), (pixels, labels), strict=True):
        with gzip.open(folder / name, "wb") as file:
            file.write(bytes(header) + values.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """8 x 8 pixels of 0..16, each as 3 x 3 of 0..255, with a margin."""
    x, y = load_digits(return_X_y=True)
    large = np.kron(x.reshape(-1, 8, 8) * 255 / 16, np.ones((3, 3)))
    pixels = np.pad(large, ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    folder = tmp_path_factory.mktemp("mnist")
    write(folder, mnist.TEST, pixels, y)
    return folder


def test_it_learns(folder, tmp_path, capsys):
    options = ["--train", "600", "--test", "200", "--neurons", "60", "--logdir", str(tmp_path)]
    assert mnist_stdp.main(["--data", str(folder), *options]) == 0
    accuracy = float(re.search(r"([\d.]+)%", capsys.readouterr().out).group(1))
    assert accuracy > 55  # by chance 10
    assert (tmp_path / "receptive_fields.png").stat().st_size > 10_000
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()
    assert tags["images"] == ["receptive fields"]
    assert "learning/spikes an image" in tags["scalars"]


class TestData:
    def test_of_one_set(self, folder):
        train, test = mnist.load(folder, 100, 30, seed=1)
        assert train.pixels.shape == (100, 784) and test.labels.shape == (30,)
        every, none = mnist.load(folder, 1797, 0, seed=1)
        assert sorted(every.labels) == sorted(load_digits().target) and len(none) == 0

    def test_of_both_sets(self, folder, tmp_path):
        for name in mnist.TEST:
            (tmp_path / name).write_bytes((folder / name).read_bytes())
        write(tmp_path, mnist.TRAIN, np.full((5, 784), 7), np.arange(5))
        train, test = mnist.load(tmp_path, 5, 10, seed=0)
        assert sorted(train.labels) == [0, 1, 2, 3, 4] and (train.pixels == 7).all()
        assert len(test) == 10

    def test_more_than_there_are(self, folder):
        with pytest.raises(ValueError, match="1798 images to train and test were asked for"):
            mnist.load(folder, 1790, 8, seed=0)

    def test_nothing_there(self, tmp_path, capsys):
        assert mnist_stdp.main(["--data", str(tmp_path)]) == 1
        assert "pass --download to fetch" in capsys.readouterr().err


def test_a_neuron_gets_the_label_that_it_answers_most():
    counts = np.array([[3, 0, 1], [4, 1, 0], [0, 5, 1]])
    labels = np.array([2, 2, 7])
    with np.errstate(invalid="ignore"):
        assigned = mnist_stdp.assign(np.concatenate([counts, np.zeros((10, 3), int)]),
                                     np.concatenate([labels, np.arange(10)]))  # fmt: skip
    assert assigned.tolist() == [2, 7, 7]
    assert mnist_stdp.predict(counts, assigned).tolist() == [2, 2, 7]


def test_a_mosaic_has_each_picture_in_its_place():
    weights = np.zeros((3, 784))
    weights[1, 0] = 4  # the upper left corner of the second picture
    picture = mnist_stdp.mosaic(weights)
    assert picture.shape == (56, 56)
    assert picture[0, 28] == 1 and picture.sum() == 1
