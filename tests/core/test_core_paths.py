"""The paths that a compiler follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_torch.core import (
    AbstractProcess,
    ConnectionConfig,
    InPort,
    OutPort,
    Path,
    Place,
    RefPort,
    Reshape,
    Transpose,
    Var,
    VarPort,
    connection_paths,
    reference_paths,
)


def carry(message, steps):
    """What the steps say, written out with numpy alone."""
    for step in steps:
        match step:
            case Reshape(shape):
                message = np.asarray(message).reshape(shape)
            case Transpose(axes):
                message = np.asarray(message).transpose(axes)
            case Place(axis, start, shape):
                before = list(message.shape)
                after = list(message.shape)
                before[axis], after[axis] = start, shape[axis] - start - message.shape[axis]
                zeros = [np.zeros(size, message.dtype) for size in (before, after)]
                message = np.concatenate([zeros[0], message, zeros[1]], axis)
                assert message.shape == shape
    return message


def test_a_plain_connection():
    out, inp = OutPort((2,)), InPort((2,))
    out.connect(inp)
    assert connection_paths(inp) == [Path(out, (), None, inp)]


def test_paths_can_be_kept_in_sets():
    out, inp = OutPort((2,)), InPort((2,))
    out.connect(inp, ConnectionConfig())
    assert len(set(connection_paths(inp) + connection_paths(inp))) == 1


def test_nothing_is_connected():
    assert connection_paths(InPort((2,))) == []
    assert reference_paths(RefPort((2,))) == []


def test_the_order_is_that_of_the_connections():
    inp, sources = InPort((2,)), [OutPort((2,)) for _ in range(5)]
    for source in reversed(sources):
        source.connect(inp)
    assert [path.src for path in connection_paths(inp)] == sources[::-1]


def test_through_hierarchy_and_views_on_each_level():
    leaf1, leaf2, outer = OutPort((2, 3)), OutPort((6,)), OutPort((3, 2))
    inp, inner = InPort((6,)), InPort((1, 6))
    leaf1.transpose().connect(outer)
    leaf2.reshape((3, 2)).connect(outer)
    outer.flatten().connect(inp)
    inp.reshape((1, 6)).connect(inner)
    paths = connection_paths(inner)
    assert [path.src for path in paths] == [leaf1, leaf2]
    assert paths[0].steps == (Transpose((1, 0)), Reshape((6,)), Reshape((1, 6)))
    assert paths[1].steps == (Reshape((3, 2)), Reshape((6,)), Reshape((1, 6)))
    assert {path.dst for path in paths} == {inner}


def test_one_source_by_two_ways():
    out, inp = OutPort((2, 2)), InPort((2, 2))
    out.connect(inp)
    out.transpose().connect(inp)
    assert [path.steps for path in connection_paths(inp)] == [(), (Transpose((1, 0)),)]


def test_a_containing_in_port_without_source_is_none():
    inp, inner = InPort((2,)), InPort((2,))
    inp.connect(inner)
    assert connection_paths(inner) == []


def test_a_concatenation_gives_each_source_its_place():
    a, b, c, inp = OutPort((2, 3)), OutPort((2, 1)), OutPort((4,)), InPort((2, 6))
    a.concat_with([b, c.reshape((2, 2))], axis=-1).connect(inp)
    assert [(path.src, path.steps) for path in connection_paths(inp)] == [
        (a, (Place(1, 0, (2, 6)),)),
        (b, (Place(1, 3, (2, 6)),)),
        (c, (Reshape((2, 2)), Place(1, 4, (2, 6)))),
    ]


def test_the_config_nearest_to_the_source_counts():
    near, far = ConnectionConfig(num_probes=1), ConnectionConfig(num_probes=2)
    out, outer, inp = OutPort((2,)), OutPort((2,)), InPort((2,))
    outer.connect(inp, far)
    out.connect(outer)
    assert connection_paths(inp)[0].config is far
    other, passing = OutPort((2,)), OutPort((2,))
    other.connect(passing, near)
    passing.connect(inp, far)
    assert connection_paths(inp)[1].config is near


def test_from_ref_ports_to_var_ports():
    ref, outer, var_port, inner = RefPort((2, 3)), RefPort((6,)), VarPort(Var((6,))), None
    inner = VarPort(Var((3, 2)))
    ref.flatten().connect(outer)
    outer.connect(var_port)
    var_port.reshape((3, 2)).connect(inner)
    expected = Path(ref, (Reshape((6,)), Reshape((3, 2))), None, inner)
    assert reference_paths(ref) == [expected] == connection_paths(inner)


def test_ref_ports_that_share_a_var():
    a, b, var_port = RefPort((2,)), RefPort((3,)), VarPort(Var((5,)))
    a.concat_with(b, axis=0).connect(var_port)
    assert reference_paths(b) == [Path(b, (Place(0, 2, (5,)),), None, var_port)]
    assert [path.src for path in connection_paths(var_port)] == [a, b]


@pytest.mark.parametrize("port", [OutPort((1,)), RefPort((1,)), 3], ids=["out", "ref", "int"])
def test_paths_lead_to_in_and_var_ports_only(port):
    with pytest.raises(TypeError, match="needs an InPort or VarPort"):
        connection_paths(port)


def test_references_come_from_ref_ports_only():
    with pytest.raises(TypeError, match="needs a RefPort"):
        reference_paths(InPort((1,)))


class Sender(AbstractProcess):
    def __init__(self, shape):
        super().__init__()
        self.out = OutPort(shape)


class Receiver(AbstractProcess):
    def __init__(self, shape):
        super().__init__()
        self.inp = InPort(shape)


SIZES = st.integers(0, 3)


@st.composite
def chains(draw):
    """A view of some ports after a random chain of views, the ports, and the whole message of each
    as numpy alone computes it: its own message on the way, zeros from all others."""
    shape = tuple(draw(st.lists(SIZES, min_size=1, max_size=3)))
    sender = Sender(shape)
    view, sources = sender.out, [sender]
    messages = [np.arange(sender.out.size).reshape(shape) + 1]
    for kind in draw(st.lists(st.sampled_from("reshape transpose concat".split()), max_size=5)):
        if kind == "reshape":
            new = draw(st.permutations(view.shape + (1,) * draw(st.integers(0, 1))))
            view = view.reshape(tuple(new))
            messages = [message.reshape(new) for message in messages]
        elif kind == "transpose":
            axes = tuple(draw(st.permutations(range(len(view.shape)))))
            signed = tuple(axis - draw(st.sampled_from((0, len(axes)))) for axis in axes)
            view = view.transpose(signed)
            messages = [message.transpose(axes) for message in messages]
        else:
            axis = draw(st.integers(-len(view.shape), len(view.shape) - 1))
            other_shape = list(view.shape)
            other_shape[axis] = draw(SIZES)
            other = Sender(tuple(other_shape))
            new = np.arange(other.out.size).reshape(other_shape) + 1
            first = draw(st.booleans())
            view = other.out.concat_with(view, axis) if first else view.concat_with(other.out, axis)
            order = (lambda a, b: (b, a)) if first else (lambda a, b: (a, b))
            silent = np.zeros_like(new)
            old_shape = messages[0].shape
            messages = [np.concatenate(order(message, silent), axis) for message in messages]
            messages.append(np.concatenate(order(np.zeros(old_shape, int), new), axis))
            sources.append(other)
    return view, sources, messages


@settings(max_examples=150, deadline=None)
@given(chains())
def test_steps_transform_funcs_and_numpy_agree(chain):
    view, sources, expected = chain
    receiver = Receiver(view.shape)
    view.connect(receiver.inp)
    paths = {path.src: path for path in connection_paths(receiver.inp)}
    funcs = receiver.inp.get_incoming_transform_funcs()
    assert set(paths) == {source.out for source in sources}
    assert set(receiver.inp.get_src_ports()) == set(paths)
    for source, whole in zip(sources, expected, strict=True):
        message = np.arange(source.out.size).reshape(source.out.shape) + 1
        assert np.array_equal(carry(message, paths[source.out].steps), whole)
        changed = message
        for func in funcs.get(f"{source.id}_out", []):
            changed = func(changed)
        assert np.array_equal(changed, whole)
        back = whole
        for func in source.out.get_outgoing_transform_funcs()[f"{receiver.id}_inp"]:
            back = func(back)
        assert np.array_equal(back, message)


@settings(max_examples=100, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=4).flatmap(lambda s: st.tuples(st.just(tuple(s)),
       st.permutations(range(len(s))))))  # fmt: skip
def test_sending_to_a_view_undoes_it(case):
    shape, axes = case
    inner = InPort(shape)
    view = inner.transpose(tuple(axes))
    out = OutPort(view.shape)
    out.connect(view)
    content = np.arange(inner.size).reshape(shape)
    sent = content.transpose(axes)
    assert np.array_equal(carry(sent, connection_paths(inner)[0].steps), content)
