"""Vars: values, aliases, access through a runtime."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from lava_torch.core import AbstractProcess, RunSteps, Var


class Holder(AbstractProcess):
    def __init__(self, init=0, shape=(2, 3), shareable=True, **kwargs):
        super().__init__(**kwargs)
        self.state = Var(shape, init=init, shareable=shareable)


def test_attributes():
    var = Var((2, 3), init=5, shareable=False)
    assert (var.shape, var.init, var.shareable, var.size) == ((2, 3), 5, False, 6)
    assert var.name == "Unnamed variable" and var.id == 0
    assert var.aliased_var is None and var.model is None and var.process is None


def test_name_can_be_given():
    assert Var((1,), name="v").name == "v"


@pytest.mark.parametrize("shape", [3, [3], (1.5,)], ids=str)
def test_the_shape_must_be_a_tuple_of_ints(shape):
    with pytest.raises(AssertionError, match="shape of a Var"):
        Var(shape)


def test_it_shows_its_label():
    assert repr(Holder(name="p").state) == "Var 'p.state' of shape (2, 3), init 0, shareable=True"


def test_the_model_can_be_set():
    var = Var((1,))
    var.model = "anything"
    assert var.model == "anything"


class TestBeforeARuntime:
    @pytest.mark.parametrize("init", [7, 1.5, [1, 2, 3], "x0*y1", None], ids=str)
    def test_get_gives_init_as_it_is(self, init):
        assert Holder(init).state.get() is init

    @pytest.mark.parametrize("idx", [0, (1, 2), slice(0, 1), np.array([1, 0])], ids=str)
    def test_get_at_an_index(self, idx):
        init = np.arange(3)
        expected = np.broadcast_to(init, (2, 3))[idx]
        assert np.array_equal(Holder(init).state.get(idx), expected)

    def test_get_at_an_index_out_of_range(self):
        with pytest.raises(IndexError):
            Holder().state.get(2)

    def test_get_a_part_of_a_sparse_or_string_init(self):
        matrix = scipy.sparse.csr_matrix([[0, 2], [3, 0]])
        assert Holder(matrix, (2, 2)).state.get((1, 0)) == 3
        assert Holder("abc", (256,)).state.get(slice(1)) == "a"

    def test_set_is_refused(self):
        with pytest.raises(ValueError, match=r"'p\.state' cannot be set before its network runs"):
            Holder(name="p").state.set(1)
        with pytest.raises(ValueError, match="'Unnamed variable' cannot be set"):
            Var((1,)).set(1)


@pytest.mark.usefixtures("fake_engine")
class TestWithARuntime:
    @pytest.fixture
    def holder(self, config):
        holder = Holder(init=[1, 2, 3], name="p")
        holder.run(RunSteps(1), config)
        return holder

    def test_get_and_set_reach_the_runtime(self, holder):
        assert np.array_equal(holder.state.get(), [[1, 2, 3], [1, 2, 3]])
        holder.state.set(np.ones((2, 3)))
        assert np.array_equal(holder.state.get(), np.ones((2, 3)))

    @pytest.mark.parametrize("idx", [0, (1, 2), slice(1, 2), np.array([1, 0])], ids=str)
    def test_index(self, holder, idx):
        expected = np.broadcast_to([1.0, 2, 3], (2, 3)).copy()
        expected[idx] = 9
        holder.state.set(9, idx)
        assert np.array_equal(holder.state.get(), expected)
        assert np.all(holder.state.get(idx) == 9)

    def test_after_stop(self, holder):
        holder.stop()
        for access in (holder.state.get, lambda: holder.state.set(1)):
            with pytest.raises(RuntimeError, match=r"'p\.state' has no value any more"):
                access()


class TestAlias:
    @pytest.fixture
    def pair(self):
        outer, inner = Holder(name="outer"), Holder(init=4, name="inner")
        outer.register_sub_procs({"inner": inner})
        return outer, inner

    def test_get_is_forwarded(self, pair):
        outer, inner = pair
        outer.state.alias(inner.state)
        assert outer.state.aliased_var is inner.state
        assert outer.state.get() == 4
        outer.validate_var_aliases()

    def test_set_is_forwarded_over_several_levels(self, pair, fake_engine, config):
        outer, middle = pair
        inner = Holder(init=6, name="innermost")
        middle.register_sub_procs({"inner": inner})
        outer.state.alias(middle.state)
        middle.state.alias(inner.state)
        inner.run(RunSteps(1), config)
        outer.state.set(2, (0, 0))
        assert outer.state.resolved() is inner.state
        assert np.array_equal(inner.state.get(), [[2, 6, 6], [6, 6, 6]])
        assert outer.state.get((0, 0)) == 2

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            (5, "can only alias a Var; got 5"),
            (Var((3, 2)), r"\(2, 3\) cannot alias.*\(3, 2\)"),
            (Var((2, 3), shareable=False), "both must be shareable or neither"),
        ],
        ids=["kind", "shape", "shareable"],
    )
    def test_what_cannot_be_aliased(self, other, message):
        var = Holder().state
        with pytest.raises(AssertionError, match=message):
            var.alias(other)
        assert var.aliased_var is None

    def test_aliases_must_end_somewhere(self, pair):
        outer, inner = pair
        inner.state.alias(outer.state)
        for var in (outer.state, inner.state):
            with pytest.raises(AssertionError, match="alias each other"):
                outer.state.alias(var)

    def test_only_vars_of_sub_processes_pass_validation(self, pair):
        outer, inner = pair
        inner.state.alias(outer.state)
        with pytest.raises(AssertionError, match=r"'inner\.state' aliases 'outer\.state'"):
            inner.validate_var_aliases()
        stranger = Holder(name="stranger")
        stranger.state.alias(Var((2, 3)))
        with pytest.raises(AssertionError, match="must belong to a sub-process of 'stranger'"):
            stranger.state.validate_alias()
