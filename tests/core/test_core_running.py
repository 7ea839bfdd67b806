"""Compiling, running and stopping, with an engine that only keeps books."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from lava_torch.core import (
    AbstractRunCondition,
    AbstractSubProcessModel,
    ProcessAlreadyCompiled,
    RunConfig,
    RunContinuous,
    RunSteps,
    find_processes,
    get_engine,
    register_engine,
)


@pytest.fixture
def pair(node):
    p, q = node(name="p"), node(name="q")
    p.out.connect(q.inp)
    return p, q


class TestEngine:
    def test_without_one_nothing_runs(self, no_engine, node, config):
        with pytest.raises(RuntimeError, match="No engine is registered"):
            get_engine()
        with pytest.raises(RuntimeError, match="import lava_torch"):
            node().run(RunSteps(1), config)

    def test_the_last_registered_counts(self, fake_engine):
        other = type(fake_engine)()
        register_engine(other)
        assert get_engine() is other

    @pytest.mark.parametrize("engine", [None, object(), "engine"])
    def test_it_must_have_the_methods(self, no_engine, engine):
        with pytest.raises(TypeError, match=r"needs a method compile\(\)"):
            register_engine(engine)


class TestRun:
    def test_it_compiles_once_and_starts(self, fake_engine, pair, config):
        p, q = pair
        first, second = RunSteps(2), RunSteps(3)
        p.run(first, run_cfg=config, compile_config={"pypy_channel_size": 1})
        q.run(second)
        assert fake_engine.compiled == [(p, config, {"pypy_channel_size": 1})]
        assert fake_engine.runtimes[0].calls == [("start", first), ("start", second)]
        assert p.runtime is q.runtime is fake_engine.runtimes[0]
        assert p.is_compiled and q.is_compiled
        assert p.model_class is config.select(p, [])

    def test_a_run_config_is_ignored_later(self, fake_engine, pair, config):
        p, _ = pair
        p.run(RunSteps(1), config)
        p.run(RunSteps(1), run_cfg="not even a config")
        assert len(fake_engine.compiled) == 1

    def test_no_steps_compile_but_start_nothing(self, fake_engine, pair, config):
        pair[0].run(RunSteps(0), config)
        assert fake_engine.runtimes[0].calls == []

    def test_no_steps_need_a_run_config_too(self, fake_engine, pair):
        with pytest.raises(ValueError, match="'p' is not compiled yet and needs a run config"):
            pair[0].run(RunSteps(0))

    def test_the_first_run_needs_a_run_config(self, fake_engine, pair):
        with pytest.raises(ValueError, match="pass run_cfg, for example Loihi2SimCfg"):
            pair[0].run(RunSteps(1))
        assert fake_engine.compiled == []

    @pytest.mark.parametrize("condition", [5, None, AbstractRunCondition(True), RunSteps])
    def test_the_condition_is_checked(self, fake_engine, pair, config, condition):
        with pytest.raises(ValueError, match=r"'p' needs RunSteps\(...\) or RunContinuous\(\)"):
            pair[0].run(condition, config)
        assert fake_engine.compiled == []

    @pytest.mark.parametrize("wrong", ["fixed_pt", RunConfig, 3], ids=str)
    def test_the_run_config_is_checked(self, fake_engine, pair, wrong):
        with pytest.raises(TypeError, match="'p' needs a RunConfig as run_cfg"):
            pair[0].run(RunSteps(1), wrong)

    def test_the_compile_config_is_checked(self, fake_engine, pair, config):
        with pytest.raises(TypeError, match="'p' needs a dict as compile_config; got 3"):
            pair[0].run(RunSteps(1), config, 3)

    def test_wait_and_pause_reach_the_runtime(self, fake_engine, pair, config):
        p, q = pair
        condition = RunContinuous()
        p.run(condition, config)
        q.pause()
        p.wait()
        assert fake_engine.runtimes[0].calls == [("start", condition), "pause", "wait"]

    def test_without_a_run_nothing_is_waited_for(self, fake_engine, pair):
        for process in pair:
            assert process.wait() is process.pause() is process.stop() is None
        assert fake_engine.runtimes == []


class TestStop:
    def test_it_stops_once_for_all(self, fake_engine, pair, config):
        p, q = pair
        p.run(RunSteps(1), config)
        q.stop()
        p.stop()
        q.pause()
        assert fake_engine.runtimes[0].calls[1:] == ["stop"]
        assert p.runtime.is_stopped and not p.is_compiled and not q.is_compiled

    def test_a_later_run_compiles_afresh_with_the_last_config(self, fake_engine, pair, config):
        p, q = pair
        p.run(RunSteps(1), config, {"a": 1})
        p.state.set(7)
        p.stop()
        q.run(RunSteps(1))
        assert fake_engine.compiled == [(p, config, {"a": 1}), (q, config, {"a": 1})]
        assert p.is_compiled and p.runtime is q.runtime is fake_engine.runtimes[1]
        assert np.all(p.state.get() == 1)

    def test_or_with_a_new_one(self, fake_engine, pair, config):
        p, _ = pair
        p.run(RunSteps(1), config)
        p.stop()
        other = type(config)()
        p.run(RunSteps(1), other, {})
        assert fake_engine.compiled[1] == (p, other, {})

    def test_a_network_that_stopped_itself_can_be_run_again(self, fake_engine, pair, config):
        p, q = pair
        p.run(RunSteps(1), config)
        p.runtime.is_stopped = True
        q.run(RunSteps(1))
        assert len(fake_engine.runtimes) == 2

    def test_a_with_statement_stops_and_binds_nothing(self, fake_engine, pair, config):
        p, _ = pair
        with p as bound:
            p.run(RunSteps(1), config)
            assert not p.runtime.is_stopped
        assert bound is None and p.runtime.is_stopped

    def test_a_with_statement_stops_after_an_error(self, fake_engine, pair, config):
        p, _ = pair
        with pytest.raises(KeyError), p:
            p.run(RunSteps(1), config)
            raise KeyError
        assert p.runtime.is_stopped

    def test_an_unused_network_is_stopped(self, fake_engine, node, config):
        process = node()
        process.run(RunSteps(1), config)
        fake_engine.compiled.clear()
        del process
        gc.collect()
        assert fake_engine.runtimes[0].is_stopped

    def test_nothing_is_stopped_while_the_interpreter_shuts_down(self, fake_engine, pair, config):
        p, _ = pair
        p.run(RunSteps(1), config)
        p.__del__(lambda: True)
        assert not p.runtime.is_stopped
        type(p).__new__(type(p)).__del__()


class TestCompile:
    def test_it_returns_the_executable_and_marks_all(self, fake_engine, pair, config):
        p, q = pair
        assert p.compile(config) == ["executable", p]
        assert p.is_compiled and q.is_compiled and p.runtime is None
        assert fake_engine.runtimes == []

    def test_a_second_time_is_refused(self, fake_engine, pair, config):
        p, q = pair
        p.compile(config)
        for again in (p.compile, q.compile, lambda c: p.run(RunSteps(1), c)):
            with pytest.raises(ProcessAlreadyCompiled, match="'p' .Node. is compiled already"):
                again(config)
        assert len(fake_engine.compiled) == 1

    def test_an_executable_cannot_be_connected_to_more(self, fake_engine, pair, node, config):
        p, q = pair
        p.compile(config)
        new = node()
        with pytest.raises(ProcessAlreadyCompiled, match="'q.out' to .*'q' is compiled.*stop"):
            q.out.connect(new.inp)
        assert not q.out.out_connections and not new.inp.in_connections
        p.create_runtime(config, ["executable"])
        p.stop()
        q.out.connect(new.inp)
        new.run(RunSteps(1), config)


class TestConnectedLater:
    @pytest.mark.parametrize("caller", ["old", "new"])
    def test_it_joins_the_network(self, fake_engine, pair, node, config, caller):
        p, q = pair
        p.run(RunSteps(1), config)
        new = node()
        q.out.connect(new.inp)
        caller = p if caller == "old" else new
        for _ in range(2):
            caller.run(RunSteps(1))
        assert fake_engine.extended == [(caller, p.runtime)]
        assert new.runtime is q.runtime is p.runtime is fake_engine.runtimes[0]
        assert len(fake_engine.compiled) == 1 and new.is_compiled
        assert fake_engine.runtimes[0].calls.count("stop") == 0
        new.stop()
        assert not p.is_compiled

    def test_a_failure_leaves_the_network_as_it_was(self, fake_engine, pair, node, config):
        p, q = pair
        p.run(RunSteps(1), config)
        new = node()
        q.out.connect(new.inp)
        fake_engine.extend = None
        for _ in range(2):
            with pytest.raises(TypeError):
                p.run(RunSteps(1))
            assert p.is_compiled and not new.is_compiled
        del fake_engine.extend
        p.run(RunSteps(1))
        assert new.runtime is p.runtime

    def test_two_networks_that_stand_stay_two(self, fake_engine, pair, node, config):
        (p, _), other = pair, node(name="other")
        p.run(RunSteps(1), config)
        other.run(RunSteps(1), config)
        with pytest.raises(ProcessAlreadyCompiled, match="'other.out' to 'p.inp'.*compiled"):
            other.out.connect(p.inp)
        between = node(name="between")
        other.out.connect(between.inp)
        between.out.connect(p.inp)
        with pytest.raises(ProcessAlreadyCompiled, match="'(p|q|other)' .Node. is compiled"):
            p.run(RunSteps(1))
        other.stop()
        p.run(RunSteps(1))
        assert other.runtime is p.runtime

    def test_a_run_that_is_on_is_not_changed(self, fake_engine, pair, node, config):
        p, q = pair
        p.run(RunContinuous(), config)
        q.out.connect(node().inp)
        p.run(RunSteps(1))
        assert not fake_engine.extended
        p.pause()
        p.run(RunSteps(1))
        assert len(fake_engine.extended) == 1


class TestCompileErrors:
    def test_it_needs_a_run_config(self, fake_engine, pair):
        with pytest.raises(ValueError, match="needs a run config"):
            pair[0].compile(None)

    def test_a_failure_leaves_nothing_marked(self, fake_engine, pair, config):
        p, q = pair
        fake_engine.fail_compile = AssertionError("no model")
        with pytest.raises(AssertionError, match="no model"):
            p.run(RunSteps(1), config)
        assert not p.is_compiled and not q.is_compiled and p.model_class is None
        fake_engine.fail_compile = None
        p.run(RunSteps(1), config)
        assert q.is_compiled

    def test_a_failing_runtime_leaves_nothing_marked(self, fake_engine, pair, config):
        p, q = pair
        fake_engine.fail_runtime = RuntimeError("no device")
        with pytest.raises(RuntimeError, match="no device"):
            p.run(RunSteps(1), config)
        assert not p.is_compiled and not q.is_compiled
        fake_engine.fail_runtime = None
        q.run(RunSteps(1), config)
        assert p.is_compiled


class TestCreateRuntime:
    def test_from_an_executable(self, fake_engine, pair, config):
        p, q = pair
        executable = p.compile(config)
        p.create_runtime(executable=executable)
        q.run(RunSteps(1))
        assert len(fake_engine.compiled) == 1 == len(fake_engine.runtimes[0].calls)

    def test_compiling_first(self, fake_engine, pair, config):
        p, q = pair
        p.create_runtime(config)
        assert q.runtime is fake_engine.runtimes[0]
        assert q.runtime.calls == []
        q.state.set(3)
        assert np.all(q.state.get() == 3)

    def test_it_needs_one_of_both(self, fake_engine, pair):
        with pytest.raises(ValueError, match="needs a run config"):
            pair[0].create_runtime()

    def test_a_second_is_refused(self, fake_engine, pair, config):
        p, q = pair
        p.create_runtime(config)
        with pytest.raises(RuntimeError, match="'q' has a runtime already"):
            q.create_runtime(config)


class TestHierarchical:
    @pytest.fixture
    def family(self, node, config):
        class Composed(AbstractSubProcessModel):
            def __init__(self, proc):
                self.made = None

        outer, inner, other = node(name="outer"), node(name="inner"), node(name="other")
        outer.register_sub_procs({"inner": inner})
        outer.inp.connect(inner.inp)
        other.out.connect(outer.inp)
        select = config.select
        config.select = lambda process, models: (
            Composed if process is outer else select(process, models)
        )
        return outer, inner, other

    def test_it_shows_no_runtime_unless_it_is_run(self, fake_engine, family, config):
        outer, inner, other = family
        other.run(RunSteps(1), config)
        assert outer.runtime is None and outer.is_compiled
        assert inner.runtime is other.runtime is fake_engine.runtimes[0]
        outer.stop()
        assert other.runtime.is_stopped
        assert not any(process.is_compiled for process in family)

    def test_it_shows_the_runtime_if_it_is_run(self, fake_engine, family, config):
        outer, *_ = family
        outer.run(RunSteps(1), config)
        assert outer.runtime is fake_engine.runtimes[0]

    def test_it_can_be_stopped_and_run_again_from_anywhere(self, fake_engine, family, config):
        outer, inner, other = family
        other.run(RunSteps(1), config)
        inner.stop()
        outer.run(RunSteps(1))
        assert inner.runtime is fake_engine.runtimes[1]


class TestSubProcessesMadeByAModel:
    """They belong to one compilation: the next one makes its own."""

    @pytest.fixture
    def network(self, node, config):
        outer, source, sink = node(name="outer"), node(name="source"), node(name="sink")
        source.out.connect(outer.inp)
        outer.out.connect(sink.inp)
        source.ref.connect(outer.var_port)

        class Composed(AbstractSubProcessModel):
            def __init__(self, proc):
                self.part, self.flat = node(), node(shape=(6,))
                proc.inp.connect(self.part.inp)
                proc.inp.flatten().connect(self.flat.inp)
                self.part.out.transpose().transpose().connect(proc.out)
                self.flat.out.reshape((2, 3)).connect(proc.out)
                proc.var_port.connect(self.part.var_port)
                proc.state.alias(self.part.state)

        select = config.select
        config.select = lambda process, models: (
            Composed if process is outer else select(process, models)
        )
        return outer, source, sink

    def shape_of(self, network):
        """Which Processes there are, and what reaches what."""
        outer, source, sink = network
        return (
            [process.name for process in find_processes(sink)],
            [port.process.name for port in source.out.get_dst_ports()],
            [port.process.name for port in sink.inp.get_src_ports()],
            [port.process.name for port in source.ref.get_dst_ports()],
            outer.procs.member_names,
            outer.state.aliased_var is None,
        )

    def test_they_are_made_anew_after_a_stop(self, fake_engine, network, config):
        outer, source, sink = network
        source.run(RunSteps(1), config)
        first = outer.procs.part
        before = self.shape_of(network)
        sink.stop()
        sink.run(RunSteps(1))
        second = outer.procs.part
        assert second is not first and first.parent_proc is None
        after = self.shape_of(network)
        assert (
            [len(part) for part in after[:5]]
            == [len(part) for part in before[:5]]
            == [5, 2, 2, 1, 2]
        )
        assert outer.state.aliased_var is second.state
        assert second.runtime is fake_engine.runtimes[1]
        assert len(outer.out.in_connections) == 2 == len(outer.inp.out_connections)

    def test_a_failed_compilation_leaves_none(self, fake_engine, network, config):
        before = self.shape_of(network)
        fake_engine.fail_compile = ValueError("no")
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                network[1].run(RunSteps(1), config)
            assert self.shape_of(network) == before

    def test_those_made_by_the_user_stay(self, fake_engine, network, node, config):
        outer, source, _ = network
        own = node(name="own")
        outer.register_sub_procs({"own": own})
        outer.inp.connect(own.inp)
        source.run(RunSteps(1), config)
        source.stop()
        source.run(RunSteps(1))
        assert outer.procs.own is own and outer.inp in own.inp.in_connections

    def test_one_of_an_earlier_network_cannot_be_run(self, fake_engine, network, config):
        outer, source, _ = network
        source.run(RunSteps(1), config)
        part = outer.procs.part
        source.stop()
        with pytest.raises(RuntimeError, match="made by the model of 'outer'.*run 'outer' instead"):
            part.run(RunSteps(1), config)
