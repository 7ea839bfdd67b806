"""Lava scripts, unmodified: each prints what it says at its end."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lava_torch import cli, compat

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


@pytest.fixture(autouse=True)
def as_before():
    """Afterwards `lava` is not ours any more, and no logger has a script's file."""
    yield
    compat.uninstall()
    for logger in list(logging.Logger.manager.loggerDict.values()):
        for handler in list(getattr(logger, "handlers", ())):
            if isinstance(handler, logging.FileHandler):
                logger.removeHandler(handler)
                handler.close()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_prints_what_it_says(script, capsys):
    text = script.read_text()
    _, mark, tail = text.partition("\n# Output:\n")
    assert mark and "lava_torch" not in text
    expected = [line.removeprefix("#").removeprefix(" ") for line in tail.splitlines()]
    assert cli.main(["run", str(script)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == expected, err


def test_all_are_there():
    assert len(SCRIPTS) >= 20
