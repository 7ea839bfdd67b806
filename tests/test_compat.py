"""Lava's import paths, served by lava_torch."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import lava_torch as lt
from lava_torch import compat
from lava_torch.compat import NOT_YET, TABLE, LavaConflictError, NotServedError


@pytest.fixture(autouse=True)
def installed():
    compat.install()
    yield
    compat.uninstall()


def split(names: str) -> list[tuple[str, str]]:
    """("Lava's name", "our name") of a table entry."""
    pairs = (name.partition("=") for name in names.split())
    return [(theirs, ours or theirs) for theirs, _, ours in pairs]


SERVED = [
    pytest.param(path, theirs, home, ours, id=f"{path}.{theirs}")
    for path, homes in TABLE.items()
    for home, names in homes.items()
    if home != NOT_YET
    for theirs, ours in split(names)
]
MISSING_NAMES = [
    pytest.param(path, name, id=f"{path}.{name}")
    for path, homes in TABLE.items()
    if len(homes) > 1
    for name in homes.get(NOT_YET, "").split()
]
MISSING_MODULES = [path for path, homes in TABLE.items() if set(homes) == {NOT_YET}]


@pytest.mark.parametrize(("path", "theirs", "home", "ours"), SERVED)
def test_name_is_ours(path, theirs, home, ours):
    namespace = {}
    exec(f"from {path} import {theirs}", namespace)
    assert namespace[theirs] is getattr(importlib.import_module(home), ours)


@pytest.mark.parametrize(("path", "name"), MISSING_NAMES)
def test_missing_name_is_named(path, name):
    with pytest.raises(
        NotServedError, match=f"'{name}' of '{path}' is part of Lava.*not have it yet"
    ):
        exec(f"from {path} import {name}")
    module = importlib.import_module(path)
    assert not hasattr(module, name)
    with pytest.raises(AttributeError, match="does not have it yet"):
        getattr(module, name)


@pytest.mark.parametrize("path", MISSING_MODULES)
def test_missing_module_is_named(path):
    names = TABLE[path][NOT_YET].split() or ["something"]
    for statement in (f"import {path}", f"from {path} import {names[0]}", f"from {path} import *"):
        with pytest.raises(NotServedError, match=f"'{path}'.*does not have it yet") as raised:
            exec(statement)
        assert all(name in str(raised.value) for name in TABLE[path][NOT_YET].split())
    package, _, module = path.rpartition(".")
    with pytest.raises(NotServedError, match=f"'{path}'"):
        exec(f"from {package} import {module}")


@pytest.mark.parametrize(
    "statement",
    [
        "from lava.proc.lif.process import NoSuchNeuron",
        "from lava.proc.lif import nonsense",
        "from lava.proc.io.source import LIF",
        "import lava.nonsense",
        "import lava.proc.lif.process.LIF",
        "import lava.lib.dl.slayer",
    ],
)
def test_what_lava_never_had_raises_the_ordinary_error(statement):
    with pytest.raises(ImportError) as raised:
        exec(statement)
    assert not isinstance(raised.value, NotServedError)
    assert "yet" not in str(raised.value)


def test_attribute_that_lava_never_had():
    import lava.proc.lif.process as process

    with pytest.raises(AttributeError, match="'lava.proc.lif.process' has no attribute 'Nonsense'"):
        process.Nonsense  # noqa: B018


FORMS = {
    "module": "import lava.proc.lif.process\nLIF = lava.proc.lif.process.LIF",
    "alias": "import lava.proc.lif.process as p\nLIF = p.LIF",
    "star": "from lava.proc.lif.process import *",
    "package": "from lava.proc import lif\nLIF = lif.process.LIF",
    "whole": "import lava\nLIF = lava.proc.lif.process.LIF",
    "importlib": "import importlib as i\nLIF = i.import_module('lava.proc.lif.process').LIF",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_import(form):
    namespace = {}
    exec(form, namespace)
    assert namespace["LIF"] is lt.LIF


def test_io_as_scripts_use_it():
    from lava.proc import io

    assert io.source.RingBuffer is lt.io.source.RingBuffer
    assert io.sink.RingBuffer is lt.io.sink.RingBuffer
    assert importlib.import_module("lava.proc.io.source").PySendModelFixed.__name__.endswith(
        "Fixed"
    )
    with pytest.raises(AttributeError, match="'lava.proc.io.dataloader'.*yet"):
        io.dataloader  # noqa: B018


def test_packages_are_modules_in_sys_modules():
    import lava.magma.core.process.ports.ports

    path = "lava.magma.core.process.ports.ports"
    for end in range(1, 7):
        name = ".".join(path.split(".")[:end])
        module = sys.modules[name]
        assert module.__name__ == name and module.__spec__.name == name
        assert isinstance(module.__path__, list)
    assert set(lava.magma.core.process.ports.ports.__all__) <= set(
        dir(lava.magma.core.process.ports.ports)
    )


def test_star_brings_no_private_name():
    namespace = {}
    exec("from lava.utils.weightutils import *", namespace)
    assert namespace["SignMode"] is lt.SignMode
    assert "_determine_weight_exp" not in namespace


def test_installing_twice_changes_nothing():
    import lava

    finders = list(sys.meta_path)
    compat.install()
    assert sys.meta_path == finders
    assert sys.modules["lava"] is lava


def test_uninstall_leaves_nothing_behind():
    import lava.proc.lif.process  # noqa: F401

    compat.uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] == "lava"]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("lava.proc.lif.process")
    compat.uninstall()
    compat.install()
    assert importlib.import_module("lava.proc.lif.process").LIF is lt.LIF


def test_refuses_when_another_lava_is_imported(monkeypatch):
    compat.uninstall()
    real = ModuleType("lava")
    real.__file__ = "/usr/lib/lava/__init__.py"
    monkeypatch.setitem(sys.modules, "lava", real)
    with pytest.raises(LavaConflictError, match="'lava' is imported already, from /usr/lib/lava"):
        compat.install()
    assert issubclass(LavaConflictError, RuntimeError)
    compat.uninstall()
    assert sys.modules["lava"] is real


@pytest.fixture
def real_lava(tmp_path, monkeypatch):
    """An installed Lava, with a module that lava_torch's table has and one that it has not."""
    package = tmp_path / "lava" / "proc"
    package.mkdir(parents=True)
    for file in (tmp_path / "lava" / "__init__.py", package / "__init__.py", package / "extra.py"):
        file.write_text("REAL = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_comes_before_an_installed_lava_and_never_mixes_with_it(real_lava):
    import lava

    assert not hasattr(lava, "REAL")
    assert importlib.import_module("lava.proc.lif.process").LIF is lt.LIF
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("lava.proc.extra")
    compat.uninstall()
    assert importlib.import_module("lava").REAL
    assert importlib.import_module("lava.proc.extra").REAL
    with pytest.raises(LavaConflictError):
        compat.install()
    for name in [name for name in sys.modules if name.partition(".")[0] == "lava"]:
        del sys.modules[name]


def test_names_lead_to_models_that_can_be_chosen():
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import PySendModelFixed, RingBuffer
    from lava.proc.lif.models import PyLifModelBitAcc
    from lava.proc.lif.process import LIF

    cfg = Loihi2SimCfg(
        exception_proc_model_map={LIF: PyLifModelBitAcc, RingBuffer: PySendModelFixed}
    )
    network = lt.compile(LIF(shape=(2,), vth=3, name="lif"), cfg)
    assert type(network.lif) is PyLifModelBitAcc.stands_for


LEARNER = """
import numpy as np
from lava_torch import compat
compat.install()

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.neuron import LearningNeuronModelFloat
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.neuron import LearningNeuronProcess
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2HwCfg, Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import Dense, LearningDense
from lava.proc.io.source import RingBuffer
from lava.proc.learning_rules.r_stdp_learning_rule import RewardModulatedSTDP
from lava.proc.lif.models import AbstractPyLifModelFloat
from lava.proc.lif.process import AbstractLIF
from lava.proc.monitor.process import Monitor
from lava.utils import loihi


class Cell(LearningNeuronProcess, AbstractLIF):
    def __init__(self, *, shape, learning_rule, vth):
        super().__init__(shape=shape, u=0, v=0, du=1, dv=1, bias_mant=0, bias_exp=0, name="cell",
                         log_config=None, learning_rule=learning_rule)
        self.vth = Var(shape=(1,), init=vth)
        self.reward_in = InPort(shape=shape)


@implements(proc=Cell, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class CellModel(LearningNeuronModelFloat, AbstractPyLifModelFloat):
    reward_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    vth: float = LavaPyType(float, float)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.s_out_buff = np.zeros(proc_params["shape"])

    def spiking_activation(self):
        return self.v > self.vth

    def run_spk(self):
        rule = self._learning_rule
        kept = np.exp(-1 / rule.post_trace_decay_tau)
        self.y1 = self.y1 * kept + self.s_out_buff * rule.post_trace_kernel_magnitude
        super().run_spk()
        self.y2 = self.reward_in.recv()
        self.y3 = self.y3.astype(bool) | self.s_out_buff.astype(bool)
        self.s_out_bap.send(self.s_out_buff)
        self.s_out_y1.send(self.y1)
        self.s_out_y2.send(self.y2)
        self.s_out_y3.send(self.y3)


rule = RewardModulatedSTDP(
    learning_rate=1, A_plus=2, A_minus=-2, pre_trace_decay_tau=10, post_trace_decay_tau=10,
    pre_trace_kernel_magnitude=16, post_trace_kernel_magnitude=16, eligibility_trace_decay_tau=0.5,
    t_epoch=2,
)
spikes = np.zeros((2, 20))
spikes[0, 1::5] = spikes[1, 4::5] = 1  # after and before the cell, which spikes at 5, 10, ...
source, teacher = RingBuffer(data=spikes), RingBuffer(data=spikes[1:])
rewards = np.zeros((1, 20))
rewards[:, 12:] = 0.5
reward = RingBuffer(data=rewards)
plastic = LearningDense(weights=np.array([[1.0, 1.0]]), learning_rule=rule)
strong = Dense(weights=np.array([[9.0]]))
cell = Cell(shape=(1,), learning_rule=rule, vth=5)
source.s_out.connect(plastic.s_in)
plastic.a_out.connect(cell.a_in)
teacher.s_out.connect(strong.s_in)
strong.a_out.connect(cell.a_in)
reward.s_out.connect(cell.reward_in)
cell.s_out_bap.connect(plastic.s_in_bap)
cell.s_out_y1.connect(plastic.s_in_y1)
cell.s_out_y2.connect(plastic.s_in_y2)
cell.s_out_y3.connect(plastic.s_in_y3)
weights, traces = Monitor(), Monitor()
weights.probe(plastic.weights, 20)
traces.probe(cell.y1, 20)
run_cfg = Loihi2HwCfg() if loihi.is_installed() else Loihi2SimCfg(select_tag="floating_pt")
cell.run(condition=RunSteps(num_steps=20), run_cfg=run_cfg)
w = weights.get_data()[plastic.name]["weights"].reshape(20, 2)
y1 = traces.get_data()["cell"]["y1"].ravel()
cell.stop()
print((w[:13] == 1).all(), w[-1, 0] < 1 < w[-1, 1], np.flatnonzero(np.diff(y1) > 0).tolist()[:2])
"""


def test_script_of_a_numpy_neuron_with_a_reward(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(LEARNER)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True True [5, 10]"


def test_imports_no_torch():
    tree = ast.parse(Path(compat.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {alias.name for i in imports if isinstance(i, ast.Import) for alias in i.names}
    modules |= {i.module for i in imports if isinstance(i, ast.ImportFrom)}
    assert modules and not any(m.partition(".")[0] in ("torch", "lava_torch") for m in modules)


SCRIPT = """
import numpy as np
from lava_torch import compat
compat.install()

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc import io
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor
from lava_torch import TorchProcessModel


class Counter(AbstractProcess):
    def __init__(self, shape, gain):
        super().__init__(shape=shape, gain=gain)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.count = Var(shape=shape, init=0)


@implements(proc=Counter, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class CounterModel(TorchProcessModel):
    def step(self, a_in):
        self.count = self.count + self.proc_params["gain"] * a_in
        return self.count


source = io.source.RingBuffer(data=np.eye(3)[:, [0, 0, 1, 2]])
counter = Counter(shape=(3,), gain=2)
dense = Dense(weights=np.ones((1, 3)))
lif = LIF(shape=(1,), vth=0.5, du=1, dv=1)
source.s_out.connect(counter.a_in)
counter.s_out.connect(dense.s_in)
dense.a_out.connect(lif.a_in)
monitor = Monitor()
monitor.probe(lif.s_out, 4)
lif.run(condition=RunSteps(num_steps=4), run_cfg=Loihi1SimCfg(select_tag="floating_pt"))
print(counter.count.get().tolist(), monitor.get_data()[lif.name]["s_out"].ravel().tolist())
lif.stop()
"""


def test_script_with_its_own_process_and_model(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[4.0, 2.0, 2.0] [0.0, 1.0, 1.0, 1.0]"
