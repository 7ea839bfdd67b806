"""How ports connect, and what they refuse."""

from __future__ import annotations

import pytest

from lava_torch.core import (
    AbstractProcess,
    ConnectionConfig,
    DuplicateConnectionError,
    ImplicitVarPort,
    InPort,
    OutPort,
    RefPort,
    Var,
    VarNotSharableError,
    VarPort,
)

SHAPE = (2, 3)


def make(kind: str, shape=SHAPE):
    if kind == "VarPort":
        return VarPort(Var(shape))
    return {"OutPort": OutPort, "InPort": InPort, "RefPort": RefPort}[kind](shape)


ACCEPTED = [
    ("OutPort", "connect", "InPort"),
    ("OutPort", "connect", "OutPort"),
    ("InPort", "connect", "InPort"),
    ("RefPort", "connect", "RefPort"),
    ("RefPort", "connect", "VarPort"),
    ("VarPort", "connect", "VarPort"),
    ("OutPort", "connect_from", "OutPort"),
    ("InPort", "connect_from", "InPort"),
    ("InPort", "connect_from", "OutPort"),
    ("RefPort", "connect_from", "RefPort"),
    ("VarPort", "connect_from", "RefPort"),
    ("VarPort", "connect_from", "VarPort"),
]
ONE_TO_ONE = [case for case in ACCEPTED if case[0] in ("RefPort", "VarPort")]
KINDS = ["OutPort", "InPort", "RefPort", "VarPort"]
REFUSED = [
    (left, method, right)
    for left in KINDS
    for method in ("connect", "connect_from")
    for right in KINDS
    if (left, method, right) not in ACCEPTED
]


@pytest.mark.parametrize(("left", "method", "right"), ACCEPTED)
def test_accepted(left, method, right):
    a, b = make(left), make(right)
    getattr(a, method)(b)
    source, target = (a, b) if method == "connect" else (b, a)
    assert source.out_connections == [target] and target.in_connections == [source]
    assert source.in_connections == [] and target.out_connections == []


@pytest.mark.parametrize(("left", "method", "right"), REFUSED)
def test_refused(left, method, right):
    a, b = make(left), make(right)
    a.name, b.name = "a", "b"
    error = TypeError if left in ("RefPort", "VarPort") else AssertionError
    with pytest.raises(error, match=f"'a'.*got {right} 'b'"):
        getattr(a, method)(b)
    assert not (a.in_connections + a.out_connections + b.in_connections + b.out_connections)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [5, None, "port"], ids=str)
def test_what_is_no_port_is_refused(kind, other):
    with pytest.raises((AssertionError, TypeError), match=f"got {other!r}"):
        make(kind).connect(other)


@pytest.mark.parametrize("kind", ["OutPort", "InPort"])
@pytest.mark.parametrize("method", ["connect", "connect_from"])
def test_an_empty_list_is_refused(kind, method):
    with pytest.raises(AssertionError, match="no port"):
        getattr(make(kind), method)([])


@pytest.mark.parametrize(("left", "method", "right"), ACCEPTED)
def test_a_wrong_shape_names_both_ports_and_both_shapes(node, left, method, right):
    a, b = make(left), make(right, (6,))
    a.name, b.name = "a", "b"
    a.process, b.process = node(name="p"), node(name="q")
    with pytest.raises(AssertionError, match=r"'p\.a' of shape \(2, 3\).*'q\.b' of shape \(6,\)"):
        getattr(a, method)(b)
    assert not (a.in_connections + a.out_connections + b.in_connections + b.out_connections)


@pytest.mark.parametrize("method", ["connect", "connect_from"])
def test_several_at_once_or_one_after_another(method):
    ports = [InPort(SHAPE), InPort(SHAPE)]
    at_once, in_turn = InPort(SHAPE), InPort(SHAPE)
    getattr(at_once, method)(ports)
    for port in ports:
        getattr(in_turn, method)(port)
    side = "out_connections" if method == "connect" else "in_connections"
    assert getattr(at_once, side) == getattr(in_turn, side) == ports


def test_several_must_be_of_one_kind():
    out, inner = OutPort(SHAPE), InPort(SHAPE)
    with pytest.raises(AssertionError, match="one kind"):
        OutPort(SHAPE).connect([inner, out])
    assert inner.in_connections == []


def test_the_same_pair_again_is_refused_from_both_sides(node):
    p, q = node(name="p"), node(name="q")
    p.out.connect(q.inp)
    for again in (lambda: p.out.connect(q.inp), lambda: q.inp.connect_from(p.out)):
        with pytest.raises(DuplicateConnectionError, match=r"'p\.out' and 'q\.inp'"):
            again()
    assert q.inp.in_connections == [p.out]


def test_a_refused_list_changes_nothing():
    out, first, second = OutPort(SHAPE), InPort(SHAPE), InPort(SHAPE)
    out.connect(second)
    with pytest.raises(DuplicateConnectionError):
        out.connect([first, second])
    with pytest.raises(DuplicateConnectionError):
        out.connect([first, first])
    assert out.out_connections == [second] and first.in_connections == []


def test_a_port_cannot_lead_to_itself():
    a, b, c = OutPort(SHAPE), OutPort(SHAPE), OutPort(SHAPE)
    a.connect(b)
    b.connect(c)
    with pytest.raises(AssertionError, match="to itself"):
        c.connect(a)
    with pytest.raises(AssertionError, match="to itself"):
        a.connect(a)


def test_sources_and_destinations_are_seen_through_hierarchy():
    out1, out2, outer = OutPort(SHAPE), OutPort(SHAPE), OutPort(SHAPE)
    inner1, inner2, inp = InPort(SHAPE), InPort(SHAPE), InPort(SHAPE)
    outer.connect_from([out1, out2])
    outer.connect(inp)
    inp.connect([inner1, inner2])
    assert out1.get_dst_ports() == [inner1, inner2]
    assert inner2.get_src_ports() == [out1, out2]
    assert out1.get_src_ports() == [] == inner1.get_dst_ports()


class TestConfigs:
    def test_one_config_for_many_ports(self):
        config, out, ports = ConnectionConfig(), OutPort(SHAPE), [InPort(SHAPE), InPort(SHAPE)]
        out.connect(ports, config)
        assert out.connection_configs == dict.fromkeys(ports, config)
        assert ports[0].connection_configs == {out: config}

    def test_one_config_each(self):
        configs = [ConnectionConfig(num_probes=1), ConnectionConfig(num_probes=2)]
        inp, ports = InPort(SHAPE), [OutPort(SHAPE), OutPort(SHAPE)]
        inp.connect_from(ports, configs)
        assert [inp.connection_configs[port] for port in ports] == configs

    def test_none_is_kept_without_one(self):
        out, inp = OutPort(SHAPE), InPort(SHAPE)
        out.connect(inp)
        assert out.connection_configs == {} == inp.connection_configs

    def test_too_few_configs(self):
        ports = [InPort(SHAPE) for _ in range(3)]
        with pytest.raises(ValueError, match="one for each of 3; got 2"):
            OutPort(SHAPE).connect(ports, [ConnectionConfig(), ConnectionConfig()])
        assert ports[0].in_connections == []

    def test_another_type(self):
        with pytest.raises(TypeError, match="must be a ConnectionConfig; got 3"):
            OutPort(SHAPE).connect(InPort(SHAPE), 3)


@pytest.mark.parametrize("kind", [InPort, OutPort])
def test_external_pipe(kind):
    port = kind(SHAPE)
    assert (port.external_pipe_flag, port.external_pipe_buffer_size) == (False, 64)
    port.flag_external_pipe()
    assert (port.external_pipe_flag, port.external_pipe_buffer_size) == (True, 64)
    port.flag_external_pipe(buffer_size=8)
    assert port.external_pipe_buffer_size == 8


class TestOneToOne:
    @pytest.mark.parametrize(("left", "method", "right"), ONE_TO_ONE)
    def test_several_are_refused(self, left, method, right):
        with pytest.raises(AssertionError, match="only 1:1"):
            getattr(make(left), method)([make(right), make(right)])

    @pytest.mark.parametrize(("left", "method", "right"), ONE_TO_ONE)
    def test_a_second_is_refused(self, left, method, right):
        port = make(left)
        getattr(port, method)(make(right))
        with pytest.raises(AssertionError, match="only 1:1"):
            getattr(port, method)(make(right))

    def test_a_chain_through_three_levels_in_any_order(self):
        leaf, middle, top, var_port = (
            RefPort(SHAPE),
            RefPort(SHAPE),
            RefPort(SHAPE),
            make("VarPort"),
        )
        top.connect(var_port)
        leaf.connect(middle)
        middle.connect(top)
        assert leaf.get_dst_ports() == [var_port]
        assert leaf.get_dst_vars() == [var_port.var]

    def test_a_var_port_can_serve_several_ref_ports(self):
        var_port, refs = make("VarPort"), [RefPort(SHAPE), RefPort(SHAPE)]
        for ref in refs:
            ref.connect(var_port)
        assert var_port.get_src_ports() == refs


class TestVarPort:
    def test_it_has_the_vars_shape(self):
        var = Var(SHAPE)
        assert VarPort(var).shape == SHAPE and VarPort(var).var is var

    def test_it_needs_a_var(self):
        with pytest.raises(AssertionError, match="needs a Var; got 'v'"):
            VarPort("v")

    def test_the_var_must_be_shareable(self):
        with pytest.raises(VarNotSharableError, match="'secret' is not shareable"):
            VarPort(Var(SHAPE, shareable=False, name="secret"))


class TestConnectVar:
    def test_it_makes_an_implicit_var_port(self, node):
        p, q = node(), node()
        p.ref.connect_var(q.state)
        (port,) = p.ref.get_dst_ports()
        assert isinstance(port, ImplicitVarPort) and port.var is q.state
        assert port.name == "_state_implicit_port" and port.process is q
        assert q.var_ports._state_implicit_port is port is q._state_implicit_port
        assert p.ref.get_dst_vars() == [q.state]

    def test_further_ones_are_numbered(self, node):
        p, q, r, target = node(), node(), node(), node()
        for source in (p, q, r):
            source.ref.connect_var(target.state)
        names = [port.name for source in (p, q, r) for port in source.ref.get_dst_ports()]
        assert names == [f"_state_implicit_port{end}" for end in ("", "_1", "_2")]

    def test_a_var_without_process_names_the_port_too(self):
        ref, var = RefPort(SHAPE), Var(SHAPE)
        ref.connect_var(var)
        assert ref.get_dst_ports()[0].name == "_Unnamed variable_implicit_port"

    def test_a_var_that_gets_its_process_later_takes_the_port_along(self, node):
        reader = node()

        class Host(AbstractProcess):
            def __init__(self):
                super().__init__()
                self.counter = Var(SHAPE)
                reader.ref.connect_var(self.counter)

        host = Host()
        assert host.var_ports.member_names == ["_counter_implicit_port"]
        assert reader.ref.get_dst_ports()[0].process is host

    def test_config_reaches_the_connection(self, node):
        p, q, config = node(), node(), ConnectionConfig()
        p.ref.connect_var(q.state, config)
        assert list(p.ref.connection_configs.values()) == [config]

    def test_what_is_refused(self, node):
        p, q = node(name="p"), node(name="q", shape=(4,))
        with pytest.raises(AssertionError, match=r"'p\.ref' needs a Var; got 7"):
            p.ref.connect_var(7)
        with pytest.raises(AssertionError, match="same Process"):
            p.ref.connect_var(p.state)
        with pytest.raises(AssertionError, match=r"\(2, 3\).*'q\.state' of shape \(4,\)"):
            p.ref.connect_var(q.state)
        with pytest.raises(AssertionError, match="only 1:1"):
            p.ref.connect_var([q.state, q.state])
        with pytest.raises(VarNotSharableError):
            p.ref.connect_var(Var(SHAPE, shareable=False))
        assert p.ref.out_connections == [] and q.var_ports.member_names == ["var_port"]

    def test_a_second_var_is_refused(self, node):
        p, q, r = node(), node(), node()
        p.ref.connect_var(q.state)
        with pytest.raises(AssertionError, match="only 1:1"):
            p.ref.connect_var(r.state)
        assert r.var_ports.member_names == ["var_port"]


def test_ports_show_their_name_and_shape(node):
    assert repr(node(name="p").out) == "<OutPort 'p.out' of shape (2, 3)>"
