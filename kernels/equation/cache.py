"""The folder of generated source, in which numba keeps its machine code too."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import stat
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from types import ModuleType

#: The environment variable that names the folder.
VARIABLE = "LAVA_TORCH_CACHE"

# The name under which generated modules are imported.
_PACKAGE = "lava_torch_generated"

# numba recompiles a file whose modification time changes, so every writer gives the same one.
_MODIFIED = 1_577_836_800

# Networks may be compiled on several threads at once.
_loading = threading.RLock()


def cache_folder() -> Path:
    """Where generated source goes: $LAVA_TORCH_CACHE, else the user's cache folder / lava_torch.

    Where that cannot be written to, a temporary folder that only this user can write to. A folder
    that $LAVA_TORCH_CACHE names must be writable, else PermissionError or another OSError.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _writable(Path(named).expanduser())
    return _default_folder()


@cache
def _default_folder() -> Path:
    try:
        return _writable(_user_cache() / "lava_torch")
    except OSError:
        return _temporary_folder()


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _writable(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder


def _temporary_folder() -> Path:
    """One folder a user, unless another user made it: the cached code is loaded and run."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"lava_torch-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        foreign = hasattr(os, "getuid") and status.st_uid != user
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if stat.S_ISDIR(status.st_mode) and not foreign and not shared:
            return _writable(folder)
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="lava_torch-"))


@cache
def _environment() -> str:
    """What compiled code depends on besides its source."""
    import llvmlite.binding
    import numba
    import numpy

    parts = numba.__version__, numpy.__version__, platform.python_version()
    return "\n".join((*parts, llvmlite.binding.get_host_cpu_name()))


def digest(text: str) -> str:
    """A name for `text` compiled by this Python, numba and numpy for this CPU."""
    return hashlib.sha256(f"{_environment()}\n{text}".encode()).hexdigest()[:20]


def write(stem: str, text: str) -> Path:
    """`<folder>/<stem>_<hash>.py` holding `text`: written once, by rename, then only read."""
    folder = cache_folder()
    path = folder / f"{stem}_{digest(text)}.py"
    if not path.exists():
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(name, (_MODIFIED, _MODIFIED))
        os.replace(name, path)
    return path


def load(stem: str, text: str) -> ModuleType:
    """The module that `text` is, imported from the cache folder, by one thread at a time."""
    path = write(stem, text)
    with _loading:
        loaded = sys.modules.get(f"{_PACKAGE}.{path.stem}")
        return _imported(path) if loaded is None else loaded


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{_PACKAGE}.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # numba pickles by module name what it caches, and finds globals of the module there.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # what is half a module must not be found again
        del sys.modules[spec.name]
        raise
    return module
