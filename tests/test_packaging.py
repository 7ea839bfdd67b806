"""What is shipped, and which room may import which."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
#: Folders that are packages, with the names that they import by.
FOLDERS = SETTINGS["setuptools"]["package-dir"]
SOURCES = ("lava_torch", "kernels", "examples", "tests")
MAX_LINES = 500

#: The rooms, the first the highest. A room imports from itself and from rooms above it.
ROOMS = (
    "core",
    "learning",
    "model",
    "proc",
    "compiler",
    "runtime",
    "train",
    "observe",
    "io",
)
#: Rooms that every room may import from.
SHARED = ("kernels", "utils")
#: What stands in utils because Lava has it there: names of another room, for scripts only.
LAVAS = "lava_torch.utils.serialization"


def modules(folder: str) -> Iterator[tuple[str, Path]]:
    """The modules in a folder of FOLDERS, by the name that they import by."""
    for package, where in FOLDERS.items():
        if where == folder:
            for path in sorted((ROOT / folder).rglob("*.py")):
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                yield ".".join([package, *parts]).removesuffix(".__init__"), path


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it; `from x import y` counts as x and as x.y."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms(names: set[str]) -> set[str]:
    """The rooms that these imports reach into."""
    ours = (name.split(".") for name in names if name.split(".")[0] == "lava_torch")
    return {parts[1] for parts in ours if len(parts) > 1}


def room_of(module: str) -> str:
    return (module.split(".") + [""])[1]


HOUSE = [pytest.param(name, path, id=name) for name, path in modules("lava_torch")]
KERNELS = [pytest.param(name, path, id=name) for name, path in modules("kernels")]
IN_ROOMS = [case for case in HOUSE if room_of(case.values[0]) in ROOMS]
IN_CORE = [case for case in HOUSE if room_of(case.values[0]) in ("core", "learning")]
IN_UTILS = [
    case for case in HOUSE if room_of(case.values[0]) == "utils" and case.values[0] != LAVAS
]
IN_PROC = [case for case in HOUSE if room_of(case.values[0]) == "proc"]


def test_every_package_is_listed():
    found = {
        name
        for folder in FOLDERS.values()
        for name, path in modules(folder)
        if path.name == "__init__.py"
    }
    listed = SETTINGS["setuptools"]["packages"]
    assert sorted(found) == listed


def test_every_module_is_in_a_package():
    for folder in FOLDERS.values():
        for name, path in modules(folder):
            assert (path.parent / "__init__.py").exists(), f"{name} would not be shipped"


def test_type_hints_are_shipped():
    assert (ROOT / "lava_torch" / "py.typed").exists()
    assert "py.typed" in SETTINGS["setuptools"]["package-data"]["lava_torch"]


def test_no_source_file_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*.py")
    }
    assert len(lengths) > 50
    assert {file: n for file, n in lengths.items() if n > MAX_LINES} == {}


@pytest.mark.parametrize(("module", "path"), IN_ROOMS)
def test_room_imports_only_from_rooms_above(module, path):
    above = ROOMS[: ROOMS.index(room_of(module)) + 1]
    allowed = {*above, *SHARED}
    names = imports(path)
    assert rooms(names) - allowed == set()
    assert "lava_torch" not in names, "the package itself imports every room"
    assert LAVAS not in names


@pytest.mark.parametrize(("module", "path"), IN_CORE)
def test_core_and_learning_import_no_torch(module, path):
    assert not {name for name in imports(path) if name.partition(".")[0] in ("torch", "triton")}
    assert rooms(imports(path)) <= {"core", "learning"}


@pytest.mark.parametrize(("module", "path"), IN_UTILS)
def test_utils_stand_alone(module, path):
    assert rooms(imports(path)) <= {"utils"}


@pytest.mark.parametrize(("module", "path"), IN_PROC)
def test_a_process_does_not_know_its_models(module, path):
    """Only modules of models import torch, model/ and the kernels: a Process is a description."""
    if path.name.endswith("models.py"):
        assert rooms(imports(path)) & {"model", "kernels"}
        return
    assert rooms(imports(path)) <= {"core", "learning", "utils", "proc"}
    assert not {name for name in imports(path) if name.partition(".")[0] == "torch"}
    assert not {name for name in imports(path) if name.endswith("models")}


@pytest.mark.parametrize(("module", "path"), KERNELS)
def test_kernels_import_nothing_of_the_house(module, path):
    assert rooms(imports(path)) <= {"kernels"}


@pytest.mark.parametrize(("module", "path"), [*HOUSE, *KERNELS])
def test_triton_is_imported_by_gpu_modules_only(module, path):
    """Triton is there on Linux only."""
    top = [node for node in ast.parse(path.read_text()).body if "Import" in type(node).__name__]
    names = {alias.name for node in top for alias in node.names}
    names |= {node.module for node in top if isinstance(node, ast.ImportFrom)}
    if path.name != "gpu.py":
        assert not {name for name in names if name.partition(".")[0] == "triton"}
