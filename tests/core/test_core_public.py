"""What holds for all public names of the core."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lava_torch.core as core

FOLDER = Path(core.__file__).parent


@pytest.mark.parametrize("name", core.__all__)
def test_it_has_a_docstring(name):
    assert (getattr(core, name).__doc__ or "").strip(), name


def test_the_core_does_not_import_torch():
    # The package itself imports all rooms, so an empty one takes its place.
    code = (
        "import sys, types; package = types.ModuleType('lava_torch'); "
        f"package.__path__ = [{str(FOLDER.parent)!r}]; sys.modules['lava_torch'] = package; "
        "import lava_torch.core; print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_of_the_other_rooms(path):
    tree = ast.parse(path.read_text())
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [
        a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names
    ]
    foreign = [
        m for m in modules if m.startswith("lava_torch") and not m.startswith("lava_torch.core")
    ]
    assert foreign == [] and not any(m.split(".")[0] == "torch" for m in modules)
