"""Processes: members, hierarchy, names."""

from __future__ import annotations

import inspect

import pytest

from lava_torch.core import (
    AbstractProcess,
    InPort,
    OutPort,
    ProcessParameters,
    ProcessPostInitCaller,
    RefPort,
    Var,
    VarPort,
    all_ports,
    find_processes,
    with_sub_processes,
)


class Zoo(AbstractProcess):
    def __init__(self, size, label="x", **kwargs):
        super().__init__(size=size, **kwargs)
        self.z_in, self.a_in = InPort((size,)), InPort((size,))
        self.z_out, self.a_out = OutPort((size,)), OutPort((size,))
        self.ref = RefPort((size,))
        self.z_var, self._hidden, self.b_var = Var((size,)), Var((size,)), Var((size,))
        self.var_port = VarPort(self.b_var)
        self.label = label


def test_members_are_found_named_and_owned_in_alphabetical_order():
    zoo = Zoo(3)
    assert zoo.in_ports.member_names == ["a_in", "z_in"]
    assert zoo.out_ports.member_names == ["a_out", "z_out"]
    assert zoo.ref_ports.member_names == ["ref"]
    assert zoo.var_ports.member_names == ["var_port"]
    assert zoo.vars.member_names == ["_hidden", "b_var", "z_var"]
    assert zoo.procs.is_empty()
    assert all(getattr(zoo, member.name) is member for member in [*all_ports(zoo), *zoo.vars])
    assert {member.process for member in [*all_ports(zoo), *zoo.vars]} == {zoo}
    assert [port.name for port in all_ports(zoo)] == [
        "a_in", "z_in", "a_out", "z_out", "ref", "var_port",
    ]  # fmt: skip


def test_names():
    assert [Zoo(1).name, Zoo(1, name="").name, Zoo(1, name="lif").name] == [
        "Process_0", "Process_1", "lif",
    ]  # fmt: skip
    assert repr(Zoo(1, name="lif")) == "<Zoo 'lif'>"


@pytest.mark.parametrize("name", [3, ("a",)], ids=str)
def test_a_name_must_be_a_str(name):
    with pytest.raises(TypeError, match="name of a Process must be a str"):
        Zoo(1, name=name)


def test_all_keyword_arguments_become_parameters():
    zoo = Zoo(3, name="zoo", extra=1)
    assert isinstance(zoo.proc_params, ProcessParameters)
    assert [zoo.proc_params[key] for key in ("size", "name", "extra")] == [3, "zoo", 1]
    assert zoo.proc_params.get("label") is None


def test_the_constructors_arguments_are_kept():
    assert Zoo(3, label="y", name="zoo")._init_args == ((3,), {"label": "y", "name": "zoo"})
    assert type(Zoo) is ProcessPostInitCaller


def test_at_first_there_is_no_model_and_no_runtime():
    zoo = Zoo(1)
    assert (zoo.runtime, zoo.model, zoo.model_class, zoo.is_compiled) == (None, None, None, False)
    assert (zoo.parent_proc, zoo.folded_view, zoo.folded_view_inst_id) == (None, None, -1)


def test_model_and_runtime_can_be_set():
    zoo = Zoo(1)
    zoo.model, zoo.runtime = "model", None
    assert zoo.model == "model" and zoo.runtime is None


def test_a_constructor_must_call_its_parents():
    class Forgetful(AbstractProcess):
        def __init__(self):
            self.v = Var((1,))

    with pytest.raises(TypeError, match=r"Forgetful.__init__ must call super\(\)"):
        Forgetful()


def test_a_failing_constructor_raises_its_own_error():
    class Failing(AbstractProcess):
        def __init__(self):
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Failing()


def test_members_made_before_the_parents_constructor_count():
    class Early(AbstractProcess):
        def __init__(self):
            self.v = Var((1,))
            super().__init__()

    assert Early().vars.member_names == ["v"]


def test_running_the_hook_again_finds_new_members():
    zoo = Zoo(1)
    zoo.k_in, zoo.ref = InPort((1,)), RefPort((2,))
    zoo._post_init()
    assert zoo.in_ports.member_names == ["a_in", "k_in", "z_in"]
    assert zoo.ref_ports.ref.shape == (2,) and zoo.ref.process is zoo


class Group(AbstractProcess):
    def __init__(self):
        super().__init__()
        self.first, self.second = Zoo(1, name="given"), Zoo(1)
        self.exposed = self.second.a_out


def test_processes_and_their_ports_as_attributes():
    group = Group()
    assert group.procs.member_names == ["first", "second"]
    assert (group.first.name, group.first.process) == ("first", group)
    assert group.out_ports.is_empty()
    assert group.second.a_out.process is group.second and group.second.a_out.name == "a_out"


def test_a_process_owned_by_another_is_left_alone():
    group = Group()

    class Observer(AbstractProcess):
        def __init__(self, target):
            super().__init__()
            self.target = target

    observer = Observer(group.first)
    assert group.first.name == "first" and observer.procs.is_empty()


class TestHierarchy:
    @pytest.fixture
    def tree(self):
        top, middle, leaf = (Zoo(1, name=name) for name in ("top", "middle", "leaf"))
        top.register_sub_procs({"m": middle})
        middle.register_sub_procs({"l": leaf})
        return top, middle, leaf

    def test_at_any_depth(self, tree):
        top, middle, leaf = tree
        assert top.procs.m is middle and leaf.parent_proc is middle
        assert leaf.is_sub_proc_of(middle) and leaf.is_sub_proc_of(top)
        assert not top.is_sub_proc_of(leaf) and not top.is_sub_proc_of(top)
        assert with_sub_processes([top]) == [top, middle, leaf]

    def test_the_parent_is_no_member(self, tree):
        _, middle, _ = tree
        middle._post_init()
        assert middle.procs.member_names == ["l"]

    def test_what_is_refused(self, tree):
        top, _, leaf = tree
        with pytest.raises(AssertionError, match="contains Processes only; got 3"):
            top.register_sub_procs({"x": 3})
        for wrong in (top, leaf):
            with pytest.raises(AssertionError, match="not the reverse"):
                leaf.register_sub_procs({"x": wrong})
        assert leaf.procs.is_empty()

    def test_folded_views_are_handed_down(self, tree):
        top, middle, leaf = tree
        top.folded_view, top.folded_view_inst_id = Zoo, 2
        top.propagate_folded_views()
        assert {(p.folded_view, p.folded_view_inst_id) for p in (middle, leaf)} == {(Zoo, 2)}


class TestFindProcesses:
    def test_over_every_kind_of_port_in_both_directions(self, node):
        nodes = [node() for _ in range(6)]
        nodes[2].out.connect(nodes[0].inp)
        nodes[2].ref.connect(nodes[4].var_port)
        nodes[5].ref.connect_var(nodes[0].state)
        nodes[4].out.flatten().reshape((2, 3)).connect(nodes[1].inp)
        expected = [nodes[i] for i in (0, 1, 2, 4, 5)]
        assert all(find_processes(process) == expected for process in expected)
        assert find_processes(nodes[3]) == [nodes[3]]

    def test_all_sources_of_a_concatenation(self, node):
        a, b, target = node(), node(), node(shape=(4, 3))
        a.out.concat_with(b.out, axis=0).connect(target.inp)
        assert find_processes(b) == [a, b, target]

    def test_a_sub_process_leads_to_what_contains_it(self, node):
        outer, inner, other = node(), node(), node()
        outer.register_sub_procs({"inner": inner})
        outer.inp.connect(inner.inp)
        other.out.connect(outer.inp)
        assert find_processes(inner) == [outer, inner, other] == find_processes(other)

    def test_a_loop_ends(self, node):
        a, b = node(), node()
        a.out.connect(b.inp)
        b.out.connect(a.inp)
        assert find_processes(a) == [a, b]

    def test_a_port_without_process_is_named(self, node):
        p = node(name="p")
        p.out.connect(InPort((2, 3)))
        with pytest.raises(
            AssertionError, match=r"connected to 'p\.out' but belongs to no Process"
        ):
            find_processes(p)

    def test_many_in_a_row(self, node):
        nodes = [node() for _ in range(2000)]
        for source, target in zip(nodes[:-1], nodes[1:], strict=True):
            source.out.connect(target.inp)
        assert find_processes(nodes[1000]) == nodes


def test_signature_is_the_constructors():
    class Named(AbstractProcess):
        def __init__(self, shape, *, gain=1.5, **kwargs):
            super().__init__(**kwargs)

    assert str(inspect.signature(Named)) == "(shape, *, gain=1.5, **kwargs)"
