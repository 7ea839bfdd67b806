"""Ids of Processes and Vars."""

from __future__ import annotations

import gc

import pytest

from lava_torch.core import AbstractProcess, IdGeneratorSingleton, ProcessServer, Var, VarServer


class Counter(IdGeneratorSingleton):
    pass


def test_the_base_cannot_be_made():
    with pytest.raises(TypeError, match="base class"):
        IdGeneratorSingleton()


def test_a_singleton_is_one_object_and_counts_from_zero():
    Counter.reset_singleton()
    assert Counter() is Counter()
    assert [Counter().get_next_id() for _ in range(3)] == [0, 1, 2]
    assert not Counter.is_not_initialized
    assert Counter.instance is Counter()


def test_reset_forgets_the_instance():
    Counter.reset_singleton()
    old = Counter()
    old.get_next_id()
    Counter.reset_singleton()
    assert Counter.is_not_initialized and Counter.instance is None
    assert Counter() is not old
    assert Counter().get_next_id() == 0


def test_subclasses_do_not_share_an_instance():
    class Other(Counter):
        pass

    assert Other() is not Counter()
    assert type(Other()) is Other


def test_processes_are_numbered_and_listed(node):
    processes = [node() for _ in range(3)]
    assert [process.id for process in processes] == [0, 1, 2]
    assert ProcessServer().processes == processes
    assert ProcessServer().num_processes == 3


def test_vars_are_numbered_and_listed():
    variables = [Var((1,)), Var((2,))]
    assert [var.id for var in variables] == [0, 1]
    assert VarServer().vars == variables
    assert VarServer().num_vars == 2


def test_reset_server_counts_from_zero_again(node):
    server, kept = ProcessServer(), node()
    server.reset_server()
    assert server.processes == [] and server.num_processes == 0
    assert node().id == 0 == kept.id


def test_the_server_keeps_no_process_alive(node):
    process = node()
    del process
    gc.collect()
    assert ProcessServer().processes == []
    assert ProcessServer().num_processes == 1


@pytest.mark.parametrize("server", [ProcessServer, VarServer])
def test_only_its_own_kind_is_registered(server):
    with pytest.raises(AssertionError, match="registered here; got 5"):
        server().register(5)


def test_register_gives_the_next_id(node):
    assert ProcessServer().register(node()) == 1
    assert issubclass(node, AbstractProcess)
