"""Members, Collections, parameters and log configurations."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from lava_torch.core import (
    AbstractProcessMember,
    AbstractReduceOp,
    ActorType,
    Collection,
    ConnectionConfig,
    InPort,
    LogConfig,
    ProcessParameters,
    ReduceSum,
    SpikeIOInterface,
    SpikeIOMode,
    SpikeIOPort,
    Var,
)


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 3), 6), ((), 1), ((0, 4), 0), ((np.int64(5),), 5)], ids=str
)
def test_size_is_the_product_of_the_shape(shape, size):
    member = AbstractProcessMember(shape)
    assert member.size == size
    assert member.shape == tuple(int(n) for n in shape)
    assert member.name is None and member.process is None


@pytest.mark.parametrize("shape", [[2, 3], 2, (2.0,), (-1, 2), ("a",), None], ids=str)
def test_a_shape_must_be_a_tuple_of_ints(shape):
    with pytest.raises(AssertionError, match="shape of a AbstractProcessMember must"):
        AbstractProcessMember(shape)


def test_name_and_process_are_checked(node):
    member = AbstractProcessMember((1,))
    member.name, member.process = "m", node(name="p")
    assert member.label == "p.m"
    with pytest.raises(AssertionError, match="str as name; got 3"):
        member.name = 3
    with pytest.raises(AssertionError, match="must be an AbstractProcess; got 'p'"):
        member.process = "p"


def test_a_label_without_process_says_what_it_is():
    assert InPort((1,)).label == "(unnamed InPort)"
    assert Var((1,)).label == "Unnamed variable"


def test_actor_type():
    assert ActorType.MultiProcessing == 0


def test_reduce_op():
    assert issubclass(ReduceSum, AbstractReduceOp)
    assert InPort((1,), reduce_op=ReduceSum)._reduce_op is ReduceSum


def test_connection_config_has_lavas_defaults():
    config = ConnectionConfig()
    assert config.interface is SpikeIOInterface.ETHERNET
    assert config.spike_io_port is SpikeIOPort.ETHERNET
    assert config.spike_io_mode is SpikeIOMode.TIME_COMPARE
    assert config.num_time_buckets == 65536
    assert ConnectionConfig(num_probes=2).num_probes == 2


class TestCollection:
    @pytest.fixture
    def collection(self, node):
        collection = Collection(node(name="p"), "Var")
        collection.add_members({"b": Var((2,), name="b"), "a": Var((1,), name="a")})
        return collection

    def test_members_keep_the_order_they_were_added_in(self, collection):
        assert collection.member_names == ["b", "a"]
        assert collection.members == [collection.b, collection.a] == list(collection)

    def test_members_can_be_removed(self, collection):
        collection.remove_members([collection.b, Var((1,), name="a")])
        assert collection.member_names == ["a"]

    def test_it_can_be_empty(self, node):
        assert Collection(node(), "Var").is_empty()

    def test_a_member_of_the_same_name_is_replaced(self, collection):
        new = Var((9,))
        collection.add_members({"a": new})
        assert collection.a is new and collection.member_names == ["b", "a"]

    def test_has_goes_by_name(self, collection):
        assert collection.has(Var((7,), name="a"))
        assert not collection.has(Var((7,), name="c"))
        assert not collection.is_empty()

    def test_has_needs_a_name(self, collection):
        with pytest.raises(AssertionError, match="has no name"):
            collection.has(5)

    def test_loops_can_be_nested(self, collection):
        assert len([(x, y) for x in collection for y in collection]) == 4

    def test_an_unknown_member_is_named_with_its_process(self, collection):
        with pytest.raises(
            AssertionError, match="'c' is not in the Var collection.*'p' .Node.*'b'"
        ):
            collection.c  # noqa: B018
        assert not hasattr(collection, "c")

    def test_members_are_found_by_attribute_before_init_too(self):
        with pytest.raises(AttributeError):
            Collection.__new__(Collection).a  # noqa: B018


class TestProcessParameters:
    @pytest.fixture
    def parameters(self):
        return ProcessParameters(initial_parameters={"shape": (3, 4)})

    def test_read(self, parameters):
        assert parameters["shape"] == (3, 4) == parameters.get("shape")
        assert parameters.get("du") is None and parameters.get("du", 5) == 5

    def test_unknown_key(self, parameters):
        with pytest.raises(KeyError, match="du"):
            parameters["du"]

    def test_a_new_key_is_added_but_none_replaced(self, parameters):
        parameters["du"] = 1
        with pytest.raises(KeyError, match="'du' is 1 already"):
            parameters["du"] = 2
        assert parameters["du"] == 1

    def test_overwrite(self, parameters):
        parameters.overwrite("shape", (5,))
        parameters.overwrite("new", 1)
        assert parameters["shape"] == (5,) and parameters["new"] == 1

    def test_the_mapping_is_copied(self):
        initial = {"a": 1}
        ProcessParameters(initial).overwrite("a", 2)
        assert initial == {"a": 1}

    def test_neither_search_nor_iteration(self, parameters):
        with pytest.raises(TypeError):
            "shape" in parameters  # noqa: B015
        with pytest.raises(TypeError):
            list(parameters)


class TestLogConfig:
    def test_defaults(self):
        config = LogConfig()
        assert (config.file, config.logs_to_file) == ("", False)
        assert (config.level, config.level_console) == (logging.WARNING, logging.ERROR)

    def test_a_log_file_needs_a_name(self):
        with pytest.raises(ValueError, match="needs a file"):
            LogConfig(logs_to_file=True)

    def test_levels_of_file_and_console(self, node, tmp_path, capsys):
        path = tmp_path / "run.log"
        config = LogConfig(
            file=str(path), level=logging.INFO, level_console=logging.ERROR, logs_to_file=True,
            format="%(levelname)s %(name)s %(message)s",
        )  # fmt: skip
        log = node(name="cell", log_config=config).log
        log.debug("too low")
        log.info("for the file")
        log.error("for both")
        expected = "INFO lava_torch.cell for the file\nERROR lava_torch.cell for both\n"
        assert path.read_text() == expected
        assert capsys.readouterr().err == "ERROR lava_torch.cell for both\n"

    def test_processes_share_the_handle_of_a_file(self, node, tmp_path):
        config = LogConfig(file=str(tmp_path / "run.log"), logs_to_file=True)
        first, second = node(log_config=config).log, node(log_config=config).log
        assert first is not second
        assert first.handlers[-1] is second.handlers[-1]

    def test_no_file_is_made_unless_asked_for(self, node, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        node().log.critical("console only")
        assert list(tmp_path.iterdir()) == []

    def test_a_process_wants_a_log_config(self, node):
        with pytest.raises(TypeError, match="must be a LogConfig; got 'x.log'"):
            node(log_config="x.log")
