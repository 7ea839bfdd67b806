"""MNIST's files, read; without a network."""

from __future__ import annotations

import gzip
import hashlib
import io
import urllib.request

import numpy as np
import pytest

from lava_torch.utils import mnist


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With small files of MNIST's form, and a network that is not there."""

    def refuse(url, timeout):
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    for names, count, start in ((mnist.TRAIN, 5, 0), (mnist.TEST, 3, 100)):
        pixels = np.arange(count * 784) % 251
        with gzip.open(tmp_path / names[0], "wb") as file:
            file.write(bytes(16) + pixels.astype(np.uint8).tobytes())
        with gzip.open(tmp_path / names[1], "wb") as file:
            file.write(bytes(8) + np.arange(start, start + count, dtype=np.uint8).tobytes())
    return tmp_path


@pytest.mark.parametrize("given", [True, False])
def test_the_dataset(folder, monkeypatch, given):
    monkeypatch.setenv(mnist.FOLDER, str(folder))
    data = mnist.MnistDataset(folder) if given else mnist.MnistDataset()
    assert data.train_images.shape == (5, 784) and data.test_images.shape == (3, 784)
    assert data.images.shape == (8, 784) and data.images.dtype == np.uint8
    np.testing.assert_array_equal(data.images[:5].reshape(-1), np.arange(5 * 784) % 251)
    np.testing.assert_array_equal(data.images[5:], data.test_images)
    assert data.labels.tolist() == [0, 1, 2, 3, 4, 100, 101, 102]


def test_a_file_that_is_missing(folder):
    (folder / mnist.TEST[1]).unlink()
    with pytest.raises(OSError, match=r"does not hold all.*no network.*LAVA_TORCH_MNIST"):
        mnist.MnistDataset(folder)


def test_a_download_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(b"no digits"))
    found = hashlib.md5(b"no digits").hexdigest()
    with pytest.raises(ValueError, match=f"has the MD5 {found}; MNIST's file has"):
        mnist.download(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_download_fetches_what_is_missing(tmp_path, monkeypatch):
    content = {name: name.encode() for name in mnist.MD5}
    digests = {name: hashlib.md5(data).hexdigest() for name, data in content.items()}
    monkeypatch.setattr(mnist, "MD5", digests)
    (tmp_path / mnist.TEST[0]).write_bytes(b"mine")
    asked = []

    def fetch(address, timeout):
        name = address.rpartition("/")[2]
        asked.append(name)
        return io.BytesIO(content[name])

    monkeypatch.setattr(urllib.request, "urlopen", fetch)
    mnist.download(tmp_path)
    assert asked == [name for name in mnist.MD5 if name != mnist.TEST[0]]
    assert (tmp_path / mnist.TEST[0]).read_bytes() == b"mine"


def test_lavas_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="takes a folder.*pickled"):
        mnist.MnistDataset(tmp_path / "mnist.npy")
