"""Generated source and machine code are kept between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from lava_torch.kernels.equation import Equation, cache, cpu

PROGRAM = """
import torch
from lava_torch.kernels.equation import equation

@equation
def leak(v, tau):
    return v - v / tau

leak.apply(torch.ones(4), torch.tensor(2.0))
(body,) = leak.trace(torch.float32).bodies.values()
print(sum(body.stats.cache_hits.values()), sum(body.stats.cache_misses.values()))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def run_program() -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=os.environ, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_second_process_compiles_nothing(folder):
    assert run_program() == "0 1"
    (source,) = folder.glob("equation_leak_*.py")
    written = source.stat()
    assert run_program() == "1 0"
    assert source.stat().st_mtime_ns == written.st_mtime_ns
    assert source.stat().st_ino == written.st_ino
    assert not list(folder.glob("*.tmp"))


def test_hash_changes_with_the_text_and_the_environment(folder, monkeypatch):
    first = cache.write("f", "x = 1\n")
    assert first == cache.write("f", "x = 1\n") and first.parent == folder
    assert cache.write("f", "x = 2\n") != first
    monkeypatch.setattr(cache, "_environment", lambda: "another numba")
    assert cache.write("f", "x = 1\n") != first


def test_changed_equation_has_another_file(folder):
    for constant in (2.0, 3.0):
        eq = Equation(lambda v, k=constant: v * k, name="gain", arguments=("v",))
        assert eq.apply(torch.ones(1))[0].item() == constant
    assert len(list(folder.glob("equation_gain_*.py"))) == 2


def test_layout_and_dtype_have_their_own_file(folder):
    eq = Equation(lambda v, k: v * k, name="gain", arguments=("v", "k"))
    eq.apply(torch.ones(3), torch.ones(()))
    eq.apply(torch.ones(3), torch.ones(3))
    eq.apply(torch.ones(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    assert len(list(folder.glob("equation_gain_*.py"))) == 3


def test_every_writer_gives_the_file_the_same_time(folder):
    path = cache.write("f", "x = 1\n")
    before = path.stat().st_mtime_ns
    path.unlink()
    assert cache.write("f", "x = 1\n").stat().st_mtime_ns == before


def test_equal_text_is_imported_once(folder):
    assert cache.load("f", "x = []\n") is cache.load("f", "x = []\n")


def test_what_cannot_be_imported_is_not_found_again(folder):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.load("f", "x = 1 / 0\n")


def test_threads_wait_for_an_import(folder):
    text = "import time\ntime.sleep(0.2)\nx = 1\n"
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: cache.load("f", text).x, range(3))) == [1] * 3


def test_named_folder_that_cannot_be_written_raises(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError):
        cache.cache_folder()


@pytest.fixture
def default_folder(monkeypatch):
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    cache._default_folder.cache_clear()
    yield cache.cache_folder
    cache._default_folder.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of another platform")
def test_default_folder_is_the_users(default_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "lava_torch"


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of another platform")
def test_temporary_folder_where_the_users_cannot_be_written(default_folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    folder = default_folder()
    assert folder == tmp_path / f"lava_torch-{os.getuid()}"
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no permission bits")
def test_temporary_folder_that_others_can_write_to_is_avoided(tmp_path, monkeypatch):
    monkeypatch.setattr(cache.tempfile, "tempdir", str(tmp_path))
    shared = tmp_path / f"lava_torch-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    assert cache._temporary_folder() != shared


def test_loop_reads_scalars_once_and_skips_unused_arguments():
    eq = Equation(lambda v, k, unused: v * k, name="gain", arguments=("v", "k", "unused"))
    text = cpu.loop_source(eq.trace(torch.float32), ("full", "scalar", "full"), (0,))
    assert "def body(p0, p1):" in text
    assert text.index("v1 = np.float32(p1[0])") < text.index("for b in")
