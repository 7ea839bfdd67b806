"""`lava-torch run`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import lava_torch as lt
from lava_torch import cli, compat
from lava_torch.core.run_options import option_defaults

COMMAND = [sys.executable, "-m", "lava_torch.cli", "run"]


@pytest.fixture
def write(tmp_path):
    """Writes a script, by default `script.py` in an empty folder; its path."""

    def write(text: str, name: str = "script.py") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    yield write
    compat.uninstall()


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


class TestAsPythonDoes:
    TELL = """
        import sys
        print(__name__, sys.argv, sys.path[0], __file__, __package__, __spec__)
        me = sys.modules["__main__"]
        print(me.__dict__ is globals(), sorted(set(vars(me)) - {"__loader__", "__annotations__"}))
        """

    @pytest.mark.parametrize("arguments", [[], ["a", "--device", "x", "--", "-h", "--dtype=1"]])
    @pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
    def test_the_same_as_python(self, write, tmp_path, monkeypatch, capfd, arguments, absolute):
        monkeypatch.chdir(tmp_path)
        script = write(self.TELL, "below/script.py")
        script = script if absolute else os.path.relpath(script)
        subprocess.run([sys.executable, script, *arguments], check=True)
        expected = capfd.readouterr().out
        assert cli.main(["run", script, *arguments]) == 0
        assert capfd.readouterr().out == expected
        assert expected.startswith(f"__main__ {[script, *arguments]} {tmp_path / 'below'} ")

    def test_of_a_link_the_folder_that_it_leads_to(self, write, tmp_path, capsys):
        target = write("import sys\nprint(sys.path[0])", "far/script.py")
        (tmp_path / "link.py").symlink_to(target)
        assert cli.main(["run", str(tmp_path / "link.py")]) == 0
        assert lines(capsys) == [str(tmp_path / "far")]

    def test_it_imports_what_lies_beside_it(self, write, capsys, monkeypatch):
        write("from lava.proc.lif.process import LIF", "beside_the_script.py")
        script = write("import beside_the_script as b\nprint(b.LIF.__module__)")
        assert cli.main(["run", script]) == 0
        assert lines(capsys) == [lt.LIF.__module__]
        del sys.modules["beside_the_script"]

    def test_annotations_are_those_of_the_script(self, write, capsys):
        script = write("def f(x: int): ...\nprint(f.__annotations__['x'])")
        assert cli.main(["run", script]) == 0
        assert lines(capsys) == ["<class 'int'>"]

    def test_afterwards_all_is_as_before(self, write, monkeypatch):
        before = sys.modules["__main__"], sys.argv, list(sys.path)
        script = write("import sys\nsys.path.insert(0, 'x')\nsys.argv.append('y')\n1 / 0")
        assert cli.main(["run", "--device", "cpu", "--dtype", "float64", script, "z"]) == 1
        assert (sys.modules["__main__"], sys.argv, sys.path) == before
        assert lt.Loihi2SimCfg().dtype == "float32"


NETWORK = """
    import numpy as np
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi1SimCfg, RunConfig
    from lava.proc.dense.process import Dense
    from lava.proc.lif.process import LIF

    class First(RunConfig):
        def __init__(self):
            super().__init__(custom_sync_domains=None)

        def select(self, process, proc_models):
            return proc_models[0]

    for cfg in (Loihi1SimCfg(select_tag="floating_pt"), First()):
        lif = LIF(shape=(1,), bias_mant=0.1, vth=10, dv=0.0)
        lif.run(condition=RunSteps(num_steps=30), run_cfg=cfg)
        print(cfg.device, cfg.dtype, abs(lif.v.get()[0] - 3) > 1e-9)
        lif.stop()
    print(Loihi1SimCfg(dtype="float32", device="cuda:3").dtype)
    """


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "dtype", "rounded"),
        [
            ([], "float32", True),
            (["--dtype", "float64"], "float64", False),
            (["--device=cpu", "--dtype=float64"], "float64", False),
        ],
        ids=["none", "dtype", "both"],
    )
    def test_they_are_defaults_of_all_run_configs(self, write, capsys, options, dtype, rounded):
        assert cli.main(["run", *options, write(NETWORK)]) == 0
        assert lines(capsys) == [f"cpu {dtype} {rounded}"] * 2 + ["float32"]

    def test_defaults_end_with_their_context(self):
        class Own(lt.Loihi2SimCfg):
            device = "cuda:7"

        with option_defaults(device="cuda:1", dtype="float64"):
            inside = lt.Loihi2SimCfg()
            named = lt.Loihi2SimCfg(device="cpu", dtype="float32")
            assert Own().device == "cuda:7"
            with option_defaults(dtype="float32"):
                assert (lt.RunConfig().device, lt.RunConfig().dtype) == ("cuda:1", "float32")
        assert (inside.device, inside.dtype) == ("cuda:1", "float64")
        assert (named.device, named.dtype) == ("cpu", "float32")
        assert (lt.RunConfig().device, lt.RunConfig().dtype) == ("cpu", "float32")

    @pytest.mark.parametrize(
        ("options", "error"), [({"dtype": "int8"}, ValueError), ({"device": 0}, TypeError)], ids=str
    )
    def test_wrong_defaults_change_nothing(self, options, error):
        with pytest.raises(error), option_defaults(**options):
            pass
        assert (lt.RunConfig().device, lt.RunConfig().dtype) == ("cpu", "float32")

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            ([], "required: SCRIPT"),
            (["--device", "cpu"], "required: SCRIPT"),
            (["--device"], "--device: expected one argument"),
            (["--dtype", "int8", "x.py"], "--dtype: invalid choice: 'int8'"),
            (["--verbose", "x.py"], "unrecognized arguments: --verbose"),
            (["--device", "tpu", "x.py"], "device 'tpu', which is not available"),
            (["/nowhere/x.py"], "cannot read the script '/nowhere/x.py': No such file"),
            (["/"], "cannot read the script '/': Is a directory"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_wrong_arguments_give_one_line_and_2(self, argv, message, capsys):
        try:
            code = cli.main(["run", *argv])
        except SystemExit as stopped:
            code = stopped.code
        err = capsys.readouterr().err
        assert code == 2
        assert message in err and err.startswith("lava-torch run: error: ")
        assert err.endswith("\n") and err.count("\n") == 1

    def test_help(self, capsys):
        with pytest.raises(SystemExit) as raised:
            cli.main(["run", "--help"])
        assert raised.value.code == 0
        assert "[--device DEVICE] [--dtype DTYPE] SCRIPT [ARGUMENT ...]" in capsys.readouterr().out


class TestHowItEnds:
    def test_an_exception_gives_its_traceback_and_1(self, write, capsys):
        script = write(
            """
            def inner():
                raise ValueError("of the script")

            inner()
            """
        )
        assert cli.main(["run", script]) == 1
        files = re.findall(r'File "(.*)", line (\d+)', err := capsys.readouterr().err)
        assert files == [(script, "5"), (script, "3")]
        assert err.startswith("Traceback") and err.endswith("ValueError: of the script\n")

    def test_frames_below_the_script_stay(self, write, capsys):
        script = write("from lava.proc.lif.process import LIF\nLIF(shape=3)")
        assert cli.main(["run", script]) == 1
        files = re.findall(r'File "(.*)", line', capsys.readouterr().err)
        assert files[0] == script and len(files) > 1
        assert not {Path(f).name for f in files} & {"runpy.py", "cli.py"}

    def test_what_is_no_python(self, write, capsys):
        script = write("x = (\n")
        assert cli.main(["run", script]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f'  File "{script}", line 1') and "SyntaxError" in err

    @pytest.mark.parametrize(
        "statement",
        ["from lava.proc.sdn.process import Sigma", "import lava.proc.sdn.process"],
    )
    def test_what_is_not_served_is_named(self, write, capsys, monkeypatch, statement):
        table = compat.TABLE | {"lava.proc.sdn.process": {compat.NOT_YET: "Sigma"}}
        monkeypatch.setattr(compat, "TABLE", table)
        monkeypatch.setattr(compat, "_SERVED", compat._SERVED - {"lava.proc.sdn.process"})
        script = write(f"import numpy\n{statement}\n")
        assert cli.main(["run", script]) == 1
        assert capsys.readouterr().err == (
            f"{script}, line 2: 'lava.proc.sdn.process' (Sigma) is part of Lava, but lava_torch "
            f"does not have it yet.\n"
        )

    def test_the_scripts_own_hook_is_called(self, write, capsys, monkeypatch):
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        script = write("import sys\nsys.excepthook = lambda *e: print('seen', e[1])\n1 / 0")
        assert cli.main(["run", script]) == 1
        assert lines(capsys) == ["seen division by zero"]

    @pytest.mark.parametrize("code", ["0", "7", "None", "'a text'"])
    def test_exit(self, write, code):
        with pytest.raises(SystemExit) as raised:
            cli.main(["run", write(f"import sys\nsys.exit({code})")])
        assert repr(raised.value.code) == code

    def test_exit_code_of_the_command(self, write):
        done = subprocess.run([*COMMAND, write("import sys\nsys.exit(7)")], timeout=120)
        assert done.returncode == 7

    def test_ctrl_c(self, write):
        script = write("print('ready', flush=True)\nimport time\ntime.sleep(60)\n")
        command = subprocess.Popen(
            [*COMMAND, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # Of tests that run in the background it is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        assert command.stdout.readline() == "ready\n"
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=120)
        assert command.returncode == 130
        assert err.endswith("KeyboardInterrupt\n") and f'File "{script}", line ' in err
