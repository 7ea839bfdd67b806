"""Which models a Process has: where they are looked for, and in which order."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import lava_torch as lt
from lava_torch.compiler import find_models, select_model
from lava_torch.core.exceptions import NoProcessModelFound
from lava_torch.proc.lif.models import LIFModelFixed, LIFModelFloat


def test_library_models_in_order_of_definition() -> None:
    assert find_models(lt.LIF) == [LIFModelFloat, LIFModelFixed]


def test_a_subclass_does_not_inherit_models() -> None:
    class MyLIF(lt.LIF):
        pass

    with pytest.raises(NoProcessModelFound, match="LIF has LIFModelFloat.*@implements\\(MyLIF\\)"):
        select_model(MyLIF(shape=(1,)), lt.Loihi2SimCfg())


def test_no_candidate_has_the_tag() -> None:
    with pytest.raises(AssertionError, match="'hardware'.*LIFModelFloat.*floating_pt"):
        select_model(lt.LIF(shape=(1,)), lt.Loihi2SimCfg(select_tag="hardware"))


def test_select_that_returns_no_class() -> None:
    class Config(lt.RunConfig):
        def select(self, process, proc_models):
            return "LIFModelFloat"

    with pytest.raises(AssertionError, match="must return a ProcessModel class.*'LIFModelFloat'"):
        select_model(lt.LIF(shape=(1,)), Config())


def test_custom_select() -> None:
    class Config(lt.RunConfig):
        def __init__(self):
            super().__init__(custom_sync_domains=None)

        def select(self, process, proc_models):
            return proc_models[-1]

    assert select_model(lt.LIF(shape=(1,)), Config()) is LIFModelFixed


PROCESS = """
    import lava_torch as lt

    class Thing(lt.AbstractProcess):
        def __init__(self):
            super().__init__()
            self.x = lt.Var((1,), 0)
"""
MODEL = """
    import lava_torch as lt
    from {module} import Thing

    @lt.implements(Thing, lt.LoihiProtocol)
    class ThingModel(lt.TorchProcessModel):
        def absorb(self):
            self.x = self.x + 1
"""
RUN = """
    thing = Thing()
    thing.run(lt.RunSteps(3), run_cfg=lt.Loihi2SimCfg())
    print(int(thing.x.get()[0]))
"""


IMPORT = "import lava_torch as lt\nfrom things.process import Thing"


def run_in(folder, name: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(folder / name)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def run_script(folder, name: str) -> str:
    done = run_in(folder, name)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def write(path, *parts: str) -> None:
    path.write_text("\n".join(textwrap.dedent(part) for part in parts))


def test_models_beside_a_script(tmp_path) -> None:
    write(tmp_path / "thing.py", PROCESS)
    write(tmp_path / "thing_models.py", MODEL.format(module="thing"))
    write(tmp_path / "other.py", "raise SystemExit('must not be imported')")
    write(tmp_path / "main.py", "import lava_torch as lt\nfrom thing import Thing", RUN)
    assert run_script(tmp_path, "main.py") == "3"


def test_models_in_a_package(tmp_path) -> None:
    package = tmp_path / "things"
    package.mkdir()
    write(package / "__init__.py", "")
    write(package / "process.py", PROCESS)
    write(package / "behaviour.py", MODEL.format(module="things.process"))
    write(tmp_path / "main.py", IMPORT, RUN)
    assert run_script(tmp_path, "main.py") == "3"


def test_process_and_model_in_one_script(tmp_path) -> None:
    model = MODEL.replace("from {module} import Thing", "")
    write(tmp_path / "main.py", PROCESS, model, RUN)
    assert run_script(tmp_path, "main.py") == "3"


def test_nothing_beside_a_script_is_run_for_its_own_processes(tmp_path) -> None:
    model = MODEL.replace("from {module} import Thing", "")
    write(tmp_path / "main.py", PROCESS, model, RUN)
    write(tmp_path / "all_models.py", "raise SystemExit('must not be imported')")
    assert run_script(tmp_path, "main.py") == "3"


class TestDefinedAgain:
    """What a second run of a notebook's cell does."""

    class Thing(lt.AbstractProcess):
        def __init__(self) -> None:
            super().__init__()
            self.x = lt.Var((1,), 0)

    def define(self, by: int) -> type:
        @lt.implements(self.Thing, lt.LoihiProtocol)
        class ThingModel(lt.TorchProcessModel):
            def absorb(self) -> None:
                self.x = self.x + by

        return ThingModel

    def test_a_process_without_its_model(self) -> None:
        _model = self.define(1)  # held, or it would be gone with the next collection
        again = type("Thing", (self.Thing,), {"__qualname__": self.Thing.__qualname__})
        with pytest.raises(NoProcessModelFound, match="ThingModel implements another class Th"):
            select_model(again(), lt.Loihi2SimCfg())

    def test_the_last_model_counts(self) -> None:
        first, second = self.define(1), self.define(2)
        assert find_models(self.Thing) == [second] != [first]


class TestNeighbourThatCannotBeImported:
    @pytest.fixture
    def package(self, tmp_path):
        package = tmp_path / "things"
        package.mkdir()
        write(package / "__init__.py", "")
        write(package / "process.py", PROCESS)
        write(package / "broken.py", "import a_package_that_is_nowhere")
        write(tmp_path / "main.py", IMPORT, RUN)
        return package

    def test_it_is_left_out_with_one_warning(self, package):
        write(package / "models.py", MODEL.format(module="things.process"))
        write(package.parent / "main.py", IMPORT, RUN, RUN)
        done = run_in(package.parent, "main.py")
        assert done.stdout.split() == ["3", "3"], done.stderr
        assert done.stderr.count("Module 'things.broken', beside that of Thing, cannot be") == 1

    def test_it_is_named_where_no_model_is_found(self, package):
        done = run_in(package.parent, "main.py")
        assert done.returncode == 1
        assert "No module named 'a_package_that_is_nowhere'" in done.stderr
        assert "Module 'things.broken' was imported to look for models of" in done.stderr
