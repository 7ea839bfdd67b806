"""Views of ports: reshape, flatten, transpose, concatenate."""

from __future__ import annotations

import numpy as np
import pytest

from lava_torch.core import (
    AbstractPort,
    AbstractVirtualPort,
    ConcatIndexError,
    ConcatPort,
    ConcatShapeError,
    ConnectionConfig,
    DuplicateConnectionError,
    InPort,
    OutPort,
    ProcessAlreadyCompiled,
    RefPort,
    Reshape,
    ReshapeError,
    ReshapePort,
    Transpose,
    TransposeIndexError,
    TransposePort,
    TransposeShapeError,
    Var,
    VarPort,
    connection_paths,
)


class Rolled(AbstractVirtualPort):
    """A view of one's own, whose transformation is neither a reshaping nor a transposition."""

    def get_transform_func_fwd(self):
        return lambda message: np.roll(message, 1)

    def get_transform_func_bwd(self):
        return lambda message: np.roll(message, -1)


class Permuted(AbstractVirtualPort, AbstractPort):
    """A view of one's own, as scripts write it: it only gives the two functions."""

    def __init__(self, new_shape, axes):
        AbstractPort.__init__(self, new_shape)
        self.axes = axes

    def get_transform_func_fwd(self):
        return lambda message: np.transpose(message, self.axes)

    def get_transform_func_bwd(self):
        return lambda message: np.transpose(message, np.argsort(self.axes))


class TestReshape:
    @pytest.mark.parametrize("shape", [(6, 4), (24,), (2, 3, 4, 1), (4, 3, 2)], ids=str)
    def test_it_keeps_c_order(self, shape):
        out, message = OutPort((2, 3, 4)), np.arange(24).reshape(2, 3, 4)
        view = out.reshape(shape)
        assert isinstance(view, ReshapePort) and view.shape == shape
        changed = view.get_transform_func_fwd()(message)
        assert np.array_equal(changed, message.reshape(shape))
        assert np.array_equal(view.get_transform_func_bwd()(changed), message)

    def test_flatten(self):
        assert OutPort((2, 3)).flatten().shape == (6,)

    @pytest.mark.parametrize("shape", [(5,), (2, 2), (-1, 6), ()], ids=str)
    def test_the_number_of_elements_must_stay(self, node, shape):
        with pytest.raises(ReshapeError, match=r"shape \(2, 3\) of 'p\.out' to"):
            node(name="p").out.reshape(shape)

    @pytest.mark.parametrize("shape", [[3, 2], 6, (3.0, 2)], ids=str)
    def test_the_shape_must_be_a_tuple_of_ints(self, shape):
        with pytest.raises(AssertionError, match="must"):
            OutPort((2, 3)).reshape(shape)


class TestTranspose:
    @pytest.mark.parametrize("axes", [None, (0, 1, 2), (2, 0, 1), [1, 2, 0], (-1, 0, -2)], ids=str)
    def test_it_permutes_the_axes(self, axes):
        out, message = OutPort((2, 3, 4)), np.arange(24).reshape(2, 3, 4)
        view = out.transpose(axes)
        expected = np.transpose(message, axes)
        assert isinstance(view, TransposePort) and view.shape == expected.shape
        changed = view.get_transform_func_fwd()(message)
        assert np.array_equal(changed, expected)
        assert np.array_equal(view.get_transform_func_bwd()(changed), message)

    @pytest.mark.parametrize("axes", [(0,), (0, 1, 2, 2), ()], ids=str)
    def test_as_many_axes_as_the_port_has(self, axes):
        with pytest.raises(TransposeShapeError, match="each of its 3 axes once"):
            OutPort((2, 3, 4)).transpose(axes)

    @pytest.mark.parametrize("axes", [(0, 1, 3), (0, 1, -4), (0, 1, 1), (0, 1, -2)], ids=str)
    def test_each_axis_once_and_in_range(self, node, axes):
        with pytest.raises(TransposeIndexError, match=r"'p\.out'.*out of range or repeated"):
            node(name="p", shape=(2, 3, 4)).out.transpose(axes)


class TestConcat:
    @pytest.mark.parametrize("axis", [0, 1, -1, -2])
    def test_it_joins_along_an_axis(self, axis):
        arrays = [np.full((2, 3), 1), np.full((2, 3), 2), np.full((2, 3), 3)]
        ports = [OutPort((2, 3)) for _ in arrays]
        view = ports[0].concat_with(ports[1:], axis)
        joined = np.concatenate(arrays, axis)
        assert isinstance(view, ConcatPort) and view.shape == joined.shape
        assert view.concat_axis == axis % 2
        assert np.array_equal(view.get_transform_func_fwd()(arrays), joined)
        for part, array in zip(view.get_transform_func_bwd()(joined), arrays, strict=True):
            assert np.array_equal(part, array)

    def test_sources_and_destinations(self):
        a, b, inp = OutPort((2, 3)), OutPort((4, 3)), InPort((6, 3))
        a.concat_with(b, axis=0).connect(inp)
        assert inp.get_src_ports() == [a, b]
        assert a.get_dst_ports() == [inp] == b.get_dst_ports()

    @pytest.mark.parametrize("axis", [2, -3, 7])
    def test_axis_out_of_range(self, node, axis):
        with pytest.raises(ConcatIndexError, match=r"\(2, 3\) of 'p\.out' along axis"):
            node(name="p").out.concat_with(OutPort((2, 3)), axis)

    @pytest.mark.parametrize("other", [(2, 4), (3, 3, 1), (2,)], ids=str)
    def test_other_axes_must_agree(self, other):
        with pytest.raises((ConcatShapeError, ConcatIndexError)):
            OutPort((3, 3)).concat_with(OutPort(other), axis=1 if len(other) == 3 else 0)

    def test_the_kinds_must_agree(self):
        out, inp = OutPort((2,)), InPort((2,))
        with pytest.raises(AssertionError, match="one kind"):
            out.concat_with(inp, axis=0)
        with pytest.raises(AssertionError, match="got 5"):
            out.concat_with(5, axis=0)
        assert out.out_connections == [] == inp.out_connections

    def test_a_port_cannot_be_joined_with_itself(self):
        out = OutPort((2,))
        with pytest.raises(DuplicateConnectionError):
            out.concat_with(out, axis=0)

    def test_views_can_be_joined(self):
        a, b = OutPort((2, 3)), OutPort((6,))
        assert a.flatten().concat_with(b, axis=0).shape == (12,)
        assert b.concat_with(a.flatten(), axis=0).shape == (12,)


class TestConnecting:
    def test_a_view_takes_part_in_the_chain(self):
        out, inp = OutPort((2, 3)), InPort((3, 2))
        view = out.transpose()
        view.connect(inp)
        assert inp.in_connections == [view]
        assert out.get_dst_ports() == [inp] and inp.get_src_ports() == [out]

    @pytest.mark.parametrize(
        ("kind", "good", "bad"),
        [
            (OutPort, [InPort, OutPort], [RefPort]),
            (InPort, [InPort], [OutPort, RefPort]),
            (RefPort, [RefPort], [InPort, OutPort]),
        ],
        ids=["OutPort", "InPort", "RefPort"],
    )
    def test_it_accepts_what_its_port_accepts(self, kind, good, bad):
        for target in good:
            kind((2, 3)).flatten().connect(target((6,)))
        for target in bad:
            with pytest.raises(AssertionError, match="got"):
                kind((2, 3)).flatten().connect(target((6,)))

    def test_a_view_of_a_var_port_reaches_var_ports_only(self):
        VarPort(Var((2, 3))).flatten().connect(VarPort(Var((6,))))
        with pytest.raises(AssertionError):
            VarPort(Var((2, 3))).flatten().connect(RefPort((6,)))

    def test_a_wrong_shape_names_the_view(self, node):
        with pytest.raises(AssertionError, match=r"'p\.out as \(6,\)' of shape \(6,\).*\(5,\)"):
            node(name="p").out.flatten().connect(InPort((5,)))

    def test_in_ports_do_not_connect_from_a_view(self):
        with pytest.raises(AssertionError, match="only connects forward"):
            InPort((6,)).connect_from(OutPort((2, 3)).flatten())

    def test_a_ref_port_wants_no_view(self):
        with pytest.raises(TypeError, match="ReshapePort"):
            RefPort((6,)).connect(RefPort((2, 3)).flatten())

    def test_views_of_ref_ports_are_one_to_one(self):
        ref, ports = RefPort((2, 3)), [VarPort(Var((6,))) for _ in range(2)]
        view = ref.flatten()
        with pytest.raises(AssertionError, match="one connection only"):
            view.connect(ports)
        view.connect(ports[0])
        for taken in (view, ref.flatten()):
            with pytest.raises(AssertionError, match="one connection only"):
                taken.connect(ports[1])
        with pytest.raises(AssertionError, match="only 1:1"):
            ref.connect(VarPort(Var((2, 3))))

    def test_a_view_that_leads_nowhere_is_no_destination(self):
        ref = RefPort((2, 3))
        ref.flatten()
        assert ref.get_dst_ports() == []
        ref.connect(VarPort(Var((2, 3))))
        assert len(ref.get_dst_ports()) == 1

    def test_the_process_is_that_of_the_port(self, node):
        p = node()
        assert p.out.flatten().transpose().process is p

    def test_the_same_connection_again(self):
        view, inp = OutPort((2, 3)).flatten(), InPort((6,))
        view.connect(inp)
        with pytest.raises(DuplicateConnectionError):
            view.connect(inp)

    def test_one_view_feeds_several_ports(self):
        view, ports = OutPort((2, 3)).flatten(), [InPort((6,)), InPort((6,))]
        config = ConnectionConfig()
        view.connect(ports, config)
        assert view.get_dst_ports() == ports
        assert connection_paths(ports[1])[0].config is config


class TestSendingToAView:
    def test_the_message_is_changed_back(self):
        out, inp = OutPort((4, 6)), InPort((2, 3, 4))
        config = ConnectionConfig()
        out.connect(inp.reshape((6, 4)).transpose(), config)
        (path,) = connection_paths(inp)
        assert path.src is out and path.config is config
        assert path.steps == (Transpose((1, 0)), Reshape((2, 3, 4)))
        assert out.get_dst_ports() == [inp]

    def test_a_list_of_ports_and_views(self):
        out, direct, other = OutPort((6,)), InPort((6,)), InPort((2, 3))
        out.connect([direct, other.flatten()])
        assert out.get_dst_ports() == [direct, other]

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            (lambda: InPort((5,)).reshape((5, 1)), r"\(6,\).*\(5, 1\)"),
            (lambda: RefPort((2, 3)).flatten(), "one kind"),
            (lambda: InPort((3,)).concat_with(InPort((3,)), 0), "joins several"),
        ],
        ids=["shape", "kind", "concatenation"],
    )
    def test_what_is_refused_changes_nothing(self, target, message):
        out, inp = OutPort((6,)), InPort((6,))
        with pytest.raises(AssertionError, match=message):
            out.connect([inp, target()])
        assert out.out_connections == [] == inp.in_connections

    def test_a_view_of_a_ref_port(self):
        with pytest.raises(AssertionError, match="cannot send to ReshapePort"):
            OutPort((6,)).connect(RefPort((2, 3)).flatten())

    def test_one_config_for_each(self):
        out, ports = OutPort((6,)), [InPort((6,)), InPort((2, 3)).flatten(), InPort((6,))]
        with pytest.raises(ValueError, match="one for each of 3; got 2"):
            out.connect(ports, [ConnectionConfig(), ConnectionConfig()])


class TestViewsOfOnesOwn:
    def test_a_transposition_is_recognised(self):
        out, inp, view = OutPort((4, 3, 2)), InPort((2, 4, 3)), Permuted((2, 4, 3), (2, 0, 1))
        out._connect_forward([view], AbstractPort, [None], assert_same_shape=False)
        view.connect(inp)
        assert connection_paths(inp)[0].steps == (Transpose((2, 0, 1)),)

    def test_another_transformation_must_say_what_it_does(self):
        out, inp, view = OutPort((4,)), InPort((4,)), Rolled((4,))
        out._connect_forward([view], AbstractPort, [None])
        view.connect(inp)
        with pytest.raises(TypeError, match="override path_step"):
            connection_paths(inp)
        assert inp.get_src_ports() == [out]

    def test_without_a_port_it_connects_to_nothing(self):
        with pytest.raises(AssertionError, match="view of no port"):
            Rolled((4,)).connect(InPort((4,)))


class TestTransformFuncs:
    @pytest.fixture
    def chain(self, node):
        p, q = node(name="p", shape=(2, 3)), node(name="q", shape=(6,))
        p.out.transpose().flatten().connect(q.inp)
        p.ref.transpose().flatten().connect(q.var_port)
        return p, q

    def test_incoming_go_from_source_to_destination(self, chain):
        p, q = chain
        message = np.arange(6).reshape(2, 3)
        ((end, funcs),) = q.inp.get_incoming_transform_funcs().items()
        assert end == f"{p.id}_out"
        result = message
        for func in funcs:
            result = func(result)
        assert np.array_equal(result, message.T.ravel())

    def test_outgoing_turn_what_is_read_into_the_ports_shape(self, chain):
        p, q = chain
        content = np.arange(6)
        ((end, funcs),) = p.ref.get_outgoing_transform_funcs().items()
        assert end == f"{q.id}_var_port"
        result = content
        for func in funcs:
            result = func(result)
        assert np.array_equal(result, content.reshape(3, 2).T)

    def test_virtual_ports_in_order(self, chain):
        p, q = chain
        source, incoming = q.inp.get_incoming_virtual_ports()
        assert source == f"{p.id}_out"
        assert [type(port) for port in incoming] == [TransposePort, ReshapePort]
        end, outgoing = p.ref.get_outgoing_virtual_ports()
        assert end == f"{q.id}_var_port"
        assert [type(port) for port in outgoing] == [ReshapePort, TransposePort]

    def test_empty_incoming_lists_are_left_out_but_outgoing_ones_kept(self, node):
        p, q = node(), node()
        p.out.connect(q.inp)
        assert q.inp.get_incoming_transform_funcs() == {}
        assert p.out.get_outgoing_transform_funcs() == {f"{q.id}_inp": []}

    def test_an_unconnected_port(self, node):
        p = node()
        assert p.inp.get_incoming_transform_funcs() == {} == p.out.get_outgoing_transform_funcs()
        assert p.inp.get_incoming_virtual_ports() == (f"{p.id}_inp", [])
        assert p.out.get_outgoing_virtual_ports() == (f"{p.id}_out", [])

    def test_several_sources_are_kept_apart(self, node):
        p, q, target = node(shape=(6,)), node(shape=(3, 2)), node(shape=(2, 3))
        p.out.reshape((2, 3)).connect(target.inp)
        q.out.transpose().connect(target.inp)
        funcs = target.inp.get_incoming_transform_funcs()
        assert {end: len(chain) for end, chain in funcs.items()} == {
            f"{p.id}_out": 1,
            f"{q.id}_out": 1,
        }

    def test_a_concatenation_places_each_source(self, node):
        p, q, target = node(shape=(2,)), node(shape=(3,)), node(shape=(5,))
        p.out.concat_with(q.out, axis=0).connect(target.inp)
        funcs = target.inp.get_incoming_transform_funcs()
        total = sum(funcs[f"{s.id}_out"][0](np.ones(s.out.shape) * s.id + 1) for s in (p, q))
        assert np.array_equal(total, [1, 1, 2, 2, 2])
        back = q.out.get_outgoing_transform_funcs()[f"{target.id}_inp"][0]
        assert np.array_equal(back(np.arange(5)), [2, 3, 4])

    def test_a_port_without_process_has_no_id(self):
        out, inp = OutPort((2, 3)), InPort((6,))
        out.flatten().connect(inp)
        with pytest.raises(AssertionError, match="belongs to no Process"):
            inp.get_incoming_transform_funcs()


class TestRefusedInWords:
    """Wrong arguments name the port, and leave no view behind."""

    @pytest.mark.parametrize(
        "shape", [6, [6], None, "ab", ("a",), (None,), (2.0, 3.0), (6, "b")], ids=str
    )
    def test_reshape_to_what_is_no_shape(self, node, shape):
        out = node(name="p").out
        with pytest.raises(AssertionError, match=r"Cannot reshape 'p\.out'.*must be a tuple of in"):
            out.reshape(shape)
        assert out.out_connections == []

    @pytest.mark.parametrize("axes", [3, "ab", (0.5, 1), (None, 0)], ids=str)
    def test_transpose_by_what_are_no_axes(self, node, axes):
        out = node(name="p").out
        with pytest.raises(TypeError, match=r"Cannot transpose 'p\.out': the axes must be ints"):
            out.transpose(axes)
        assert out.out_connections == []

    @pytest.mark.parametrize("axis", ["a", None, 0.5], ids=str)
    def test_concatenate_along_what_is_no_axis(self, node, axis):
        p, q = node(name="p"), node(name="q")
        with pytest.raises(TypeError, match=r"Cannot concatenate 'p\.out', 'q\.out' along axis"):
            p.out.concat_with(q.out, axis)
        assert p.out.out_connections == q.out.out_connections == []

    def test_a_view_of_a_ref_port_given_what_is_no_port(self, node):
        view = node(name="p").ref.flatten()
        with pytest.raises(AssertionError, match=r"'p\.ref as \(6,\)' can have one.*None, 3"):
            view.connect([None, 3])


class TestRefusedConnectionsToViews:
    """Nothing is joined, and no view is left on the source."""

    def test_in_a_circle(self, node):
        out = node(name="p").out
        views = [out.transpose(), out.transpose().transpose()]
        before = list(out.out_connections)
        with pytest.raises(AssertionError, match="to itself"):
            out.connect(views[1])
        with pytest.raises(AssertionError, match="to itself"):
            views[0].connect(views[1].transpose())
        assert out.out_connections == before and views[0].out_connections == []

    def test_twice_in_one_list(self, node):
        out, view = node(name="p").out, node(name="q").inp.transpose().transpose()
        with pytest.raises(DuplicateConnectionError):
            out.connect([view, view])
        assert out.out_connections == []

    def test_one_of_a_list(self, node):
        p, q = node(name="p"), node(name="q")
        p.out.connect(q.inp)
        free = node(name="r").inp
        with pytest.raises(DuplicateConnectionError, match=r"'p\.out' and 'q\.inp'"):
            p.out.connect([free.flatten().reshape((2, 3)), q.inp])
        assert p.out.out_connections == [q.inp] and free.in_connections == []

    def test_with_a_config_that_is_none(self, node):
        out, view = node(name="p").out, node(name="q").inp.flatten().reshape((2, 3))
        with pytest.raises(TypeError, match="must be a ConnectionConfig"):
            out.connect(view, 5)
        with pytest.raises(ValueError, match="Give 1 ConnectionConfig"):
            out.connect(view, [])
        assert out.out_connections == []

    def test_of_a_compiled_network(self, node, fake_engine, config):
        out, q = node(name="p").out, node(name="q")
        view = q.inp.flatten().reshape((2, 3))
        q.compile(config)
        with pytest.raises(ProcessAlreadyCompiled, match="Cannot connect"):
            out.connect(view)
        assert out.out_connections == []


class TestRefusedConnectVar:
    """No implicit VarPort is left in the Var's Process."""

    @pytest.mark.parametrize(("wrong", "error"), [(5, TypeError), ([], ValueError)])
    def test_with_a_wrong_config(self, node, wrong, error):
        p, q = node(name="p"), node(name="q")
        before = sorted(vars(q)), q.var_ports.member_names
        with pytest.raises(error):
            p.ref.connect_var(q.state, wrong)
        assert (sorted(vars(q)), q.var_ports.member_names) == before
        p.ref.connect_var(q.state)

    def test_of_a_compiled_network(self, node, fake_engine, config):
        p, q = node(name="p"), node(name="q")
        before = sorted(vars(q)), q.var_ports.member_names
        q.compile(config)
        with pytest.raises(ProcessAlreadyCompiled, match=r"'p\.ref' to 'q\.state'"):
            p.ref.connect_var(q.state)
        assert (sorted(vars(q)), q.var_ports.member_names) == before
