"""ProcessModels: decorators, sub-process models, protocols and resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lava_torch.core import (
    CPU,
    ECPU,
    GPU,
    LMT,
    AbstractNode,
    AbstractProcess,
    AbstractProcessModel,
    AbstractResource,
    AbstractSubProcessModel,
    AbstractSyncProtocol,
    AsyncProtocol,
    Loihi1NeuroCore,
    Loihi2NeuroCore,
    LoihiProtocol,
    NeuroCore,
    NoProcessModelFound,
    OheoGulch,
    Phase,
    SyncDomain,
    implements,
    is_leaf_model,
    is_sub_process_model,
    requires,
    tag,
)


class Cell(AbstractProcess):
    pass


class OtherCell(AbstractProcess):
    pass


class Model(AbstractProcessModel):
    pass


def decorated(decorator, base=AbstractProcessModel):
    return decorator(type("Decorated", (base,), {}))


class TestImplements:
    def test_process_and_protocol(self):
        model = decorated(implements(proc=Cell, protocol=LoihiProtocol))
        assert model.implements_process is Cell and model.implements_protocol is LoihiProtocol
        assert AbstractProcessModel.implements_process is None

    def test_a_subclass_may_add_or_repeat(self):
        base = decorated(implements(proc=Cell))
        child = decorated(implements(proc=Cell, protocol=AsyncProtocol), base)
        assert (child.implements_process, child.implements_protocol) == (Cell, AsyncProtocol)
        assert base.implements_protocol is None

    @pytest.mark.parametrize(
        "second",
        [{"proc": OtherCell}, {"protocol": AsyncProtocol}],
        ids=["process", "protocol"],
    )
    def test_another_one_is_refused(self, second):
        base = decorated(implements(proc=Cell, protocol=LoihiProtocol))
        with pytest.raises(AssertionError, match="already"):
            decorated(implements(**second), base)

    @pytest.mark.parametrize(
        "arguments",
        [lambda: {"proc": Cell()}, lambda: {"protocol": LoihiProtocol()}, lambda: {"proc": "Cell"}],
        ids=["process", "protocol", "str"],
    )
    def test_instances_are_refused(self, arguments):
        with pytest.raises(TypeError, match="must be a class"):
            implements(**arguments())

    @pytest.mark.parametrize("arguments", [{"proc": Model}, {"protocol": Cell}], ids=str)
    def test_other_classes_are_refused(self, arguments):
        with pytest.raises(AssertionError, match="must be a subclass of"):
            implements(**arguments)


DECORATORS = {"implements": implements(proc=Cell), "requires": requires(CPU), "tag": tag("t")}


@pytest.mark.parametrize("name", DECORATORS)
def test_only_model_classes_are_decorated(name):
    with pytest.raises(AssertionError, match=f"@{name} decorates ProcessModels; Cell is none"):
        DECORATORS[name](Cell)
    with pytest.raises(TypeError, match=f"@{name} decorates ProcessModel classes"):
        DECORATORS[name](Model())


class TestRequires:
    def test_resources_and_alternatives(self):
        model = decorated(requires([Loihi1NeuroCore, ECPU], CPU))
        assert model.required_resources == [[Loihi1NeuroCore, ECPU], CPU]

    def test_a_subclass_adds(self):
        base = decorated(requires(CPU))
        assert decorated(requires(GPU), base).required_resources == [CPU, GPU]
        assert base.required_resources == [CPU] and AbstractProcessModel.required_resources == []

    def test_instances_are_refused(self):
        with pytest.raises(TypeError, match="must be a class"):
            requires(CPU())

    @pytest.mark.parametrize("wrong", [Cell, [CPU, Cell]], ids=["alone", "in a list"])
    def test_other_classes_are_refused(self, wrong):
        with pytest.raises(
            AssertionError, match="must be a subclass of AbstractResource; got Cell"
        ):
            requires(wrong)

    def test_none_is_no_resource(self):
        with pytest.raises(TypeError, match="got None"):
            requires(None)


class TestTag:
    def test_a_subclass_adds(self):
        base = decorated(tag("floating_pt"))
        assert decorated(tag("a", "b"), base).tags == ["floating_pt", "a", "b"]
        assert base.tags == ["floating_pt"] and AbstractProcessModel.tags == []

    @pytest.mark.parametrize("tags", [("a", ["b", "c"]), (3,), ([["a"]],)], ids=str)
    def test_tags_are_words(self, tags):
        with pytest.raises(AssertionError, match="takes words"):
            tag(*tags)


@dataclass
class Parts:
    first: Any
    second: Any = None
    size: int = 3


class Composed(AbstractSubProcessModel):
    def __init__(self, proc):
        self.proc = proc
        self.beta, self.alpha = Cell(), Cell()
        self.parts = Parts(Cell(), OtherCell())
        self.number, self.kind = 5, Parts


class TestSubProcessModel:
    def test_the_base_cannot_be_made(self):
        with pytest.raises(TypeError):
            AbstractSubProcessModel(Cell())

    def test_sub_processes_by_attribute_and_dataclass_field(self):
        model = Composed(Cell())
        assert model.find_sub_procs() == {
            "alpha": model.alpha,
            "beta": model.beta,
            "parts_first": model.parts.first,
            "parts_second": model.parts.second,
        }
        assert list(model.find_sub_procs())[:2] == ["alpha", "beta"]

    def test_the_process_itself_is_none_however_it_is_passed(self):
        assert "proc" not in Composed(proc=Cell()).find_sub_procs()


@pytest.mark.parametrize(
    "method", ["step", "emit", "absorb", "learn", "manage", "run_spk", "run_async"]
)
def test_a_leaf_model_defines_a_step(method):
    model = type("Leaf", (AbstractProcessModel,), {method: lambda self: None})
    assert is_leaf_model(model) and not is_sub_process_model(model)
    assert not is_leaf_model(Model)


def test_a_sub_process_model_is_no_leaf_model():
    assert is_sub_process_model(Composed) and not is_leaf_model(Composed)


def test_no_process_model_found_names_the_process():
    error = NoProcessModelFound(Cell(name="cell"))
    assert "Process 'cell' (Cell)" in str(error) and "@implements(proc=Cell)" in str(error)
    assert "look there" in str(NoProcessModelFound(Cell(), "look there"))


class TestSync:
    def test_phases(self):
        assert LoihiProtocol.phases == [
            Phase.SPK, Phase.PRE_MGMT, Phase.LRN, Phase.POST_MGMT, Phase.HOST,
        ]  # fmt: skip
        assert [int(phase) for phase in Phase] == [1, 2, 3, 4, 5]
        assert (None, "run_spk") in LoihiProtocol.proc_functions
        assert ("lrn_guard", "run_lrn") in LoihiProtocol.proc_functions
        assert AsyncProtocol.phases == []
        assert issubclass(LoihiProtocol, AbstractSyncProtocol)

    def test_domain(self):
        first, second, third = Cell(), Cell(), Cell()
        domain = SyncDomain("d", LoihiProtocol(), [first])
        domain.add_process(second)
        domain.add_process([third])
        assert domain.processes == [first, second, third] and domain.name == "d"
        assert SyncDomain("e").processes == [] and SyncDomain("e").protocol is None

    def test_protocol_is_checked(self):
        domain, protocol = SyncDomain("d"), AsyncProtocol()
        domain.set_protocol(protocol)
        with pytest.raises(AssertionError, match="must be an instance of AbstractSyncProtocol"):
            domain.set_protocol(LoihiProtocol)
        assert domain.protocol is protocol


def test_resources():
    assert issubclass(LMT, ECPU) and issubclass(Loihi2NeuroCore, NeuroCore)
    assert issubclass(GPU, AbstractResource) and not issubclass(OheoGulch, AbstractResource)
    assert issubclass(OheoGulch, AbstractNode) and Loihi2NeuroCore in OheoGulch.resources
