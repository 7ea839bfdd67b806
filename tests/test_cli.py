"""The lava-torch command."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

import lava_torch as lt
from lava_torch import cli, environment
from lava_torch.examples import digits
from lava_torch.kernels.equation import cpu, equations
from lava_torch.kernels.op import RowOp
from lava_torch.proc.lif.models import lif_float
from lava_torch.runtime import STEPPERS


def test_version(capsys):
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"lava-torch {lt.__version__}\n"


def test_installed_command_is_main():
    pyproject = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    assert pyproject["project"]["scripts"] == {"lava-torch": "lava_torch.cli:main"}


def test_runs_as_a_module():
    command = [sys.executable, "-m", "lava_torch.cli", "bench", "chain", "--steps", "none"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "--steps" in done.stderr


def test_info_says_what_is_here(capsys):
    assert cli.main(["info"]) == 0
    out = capsys.readouterr().out
    for name, version in environment.versions().items():
        assert any(line.split() == [name, version] for line in out.splitlines())
    assert f"torch       {torch.__version__}" in out
    assert f"cpu  {environment.cpu_model()}" in out
    assert all(f"  {name} " in out for name in STEPPERS)


def test_the_cpu_has_its_family_and_model_where_the_system_tells_them(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n\n"
        "processor\t: 1\ncpu family\t: 99\nmodel\t\t: 3\nmodel name\t: another\n"
    )
    assert environment.cpu_model(cpuinfo) == "AMD EPYC (cpu family 26, model 2)"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")  # as on ARM
    assert environment.cpu_model(cpuinfo) == environment.cpu_model(tmp_path / "none") != ""


@pytest.mark.parametrize("gpu", [False, True], ids=["no gpu", "gpu"])
def test_info_says_which_body_serves_each_equation(gpu, capsys, monkeypatch):
    devices = {"cpu": "a processor"} | ({"cuda:0": "a card"} if gpu else {})
    monkeypatch.setattr(environment, "devices", lambda: devices)
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out.split("equations:\n")[1]
    lines = text.split("operations:\n")[0].splitlines()
    assert ("cuda (not here)" in lines[0]) is not gpu
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert rows.keys() == {e.name for e in equations()} >= {"lif_float", "lif_fixed"}
    assert set(map(tuple, rows.values())) == {("numba", "triton", "torch", "autograd")}


def test_info_says_which_body_runs_each_operation(capsys):
    assert cli.main(["info"]) == 0
    lines = capsys.readouterr().out.split("operations:\n")[1].splitlines()
    rows = {line.split()[0]: line.split()[1:3] for line in lines[1:]}
    assert rows["spike.sparse"] == ["numba", "triton"]
    assert rows["message.copy"] == ["numba", "torch"]
    for name in rows:
        family, _, op = name.partition(".")
        for backend in ("reference", "cpu"):
            assert callable(RowOp(family, op, (), ()).body(backend))


def test_bodies_are_those_that_run(monkeypatch):
    """`info` promises what `Equation.apply` does."""
    ran = []
    numba_loop = cpu.loop
    monkeypatch.setattr(cpu, "loop", lambda *args: ran.append("numba") or numba_loop(*args))
    x = torch.ones(3)
    lif_float.apply(*[x] * len(lif_float.arguments))
    assert ran == ["numba"]
    s, *_ = lif_float.apply(x.clone().requires_grad_(), *[x] * (len(lif_float.arguments) - 1))
    assert s.requires_grad and ran == ["numba"]


def test_version_of_a_missing_package_is_a_dash(monkeypatch):
    def missing(package: str) -> str:
        raise environment.PackageNotFoundError(package)

    monkeypatch.setattr(environment, "version", missing)
    assert environment.versions()["triton"] == "-"
    assert environment.versions()["lava_torch"] == lt.__version__


def test_demo_passes_its_arguments_on(monkeypatch):
    seen = []
    monkeypatch.setattr(digits, "main", lambda argv: seen.append(argv) or 7)
    assert cli.main(["demo", "--epochs", "3", "--logdir", "x", "--seed=1"]) == 7
    assert cli.main(["demo"]) == 7
    assert seen == [["--epochs", "3", "--logdir", "x", "--seed=1"], []]


def test_demo_has_its_own_help(capsys):
    with pytest.raises(SystemExit) as raised:
        cli.main(["demo", "--help"])
    assert raised.value.code == 0
    assert "--epochs" in capsys.readouterr().out


def test_demo_without_scikit_learn(monkeypatch, capsys):
    def main(argv: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.setattr(digits, "main", main)
    assert cli.main(["demo"]) == 2
    assert "lava-torch demo: error: the digits come with scikit-learn" in capsys.readouterr().err


def test_a_defect_keeps_its_traceback(monkeypatch):
    def main(argv: list[str]) -> int:
        raise RuntimeError("a defect")

    monkeypatch.setattr(digits, "main", main)
    with pytest.raises(RuntimeError, match="a defect"):
        cli.main(["demo"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "required: COMMAND"),
        (["train"], "invalid choice: 'train'"),
        (["info", "--verbose"], "unrecognized arguments: --verbose"),
        (["bench"], "required: NAME"),
        (["bench", "nothing"], "invalid choice: 'nothing'"),
        (["bench", "chain", "--steps", "0"], "--steps: must be at least 1; got 0"),
        (["bench", "chain", "--device", "tpu"], "'tpu', which is not available"),
        (["bench", "chain", "--stepper", "none"], "no stepper 'none'"),
        (["bench", "chain", "--json", "/nowhere/x.json"], "there is no folder '/nowhere'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_give_one_line_and_2(argv, message, capsys):
    try:
        code = cli.main(argv)
    except SystemExit as stopped:
        code = stopped.code
    err = capsys.readouterr().err
    assert code == 2
    assert message in err
    assert err.endswith("\n") and err.count("\n") == 1
