"""Run conditions, run options, and the selection of models."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from lava_torch.core import (
    AbstractProcess,
    AbstractProcessModel,
    AbstractRunCondition,
    AbstractSubProcessModel,
    Loihi1SimCfg,
    Loihi2SimCfg,
    LoihiProtocol,
    RunConfig,
    RunContinuous,
    RunSteps,
    SyncDomain,
    tag,
)

#: Run configs take whatever has a `gradient`; what it means is up to the compiler.
STEEP = SimpleNamespace(gradient=abs)


class TestRunConditions:
    @pytest.mark.parametrize("steps", [0, 1, 10**9, np.int64(7), np.uint8(3)], ids=str)
    def test_whole_numbers_of_steps(self, steps):
        condition = RunSteps(num_steps=steps)
        assert condition.num_steps == steps and type(condition.num_steps) is int
        assert condition.blocking and isinstance(condition, AbstractRunCondition)

    @pytest.mark.parametrize("steps", [-1, np.int64(-5)], ids=str)
    def test_negative(self, steps):
        with pytest.raises(ValueError, match=f"0 steps or more; got {int(steps)}"):
            RunSteps(steps)

    @pytest.mark.parametrize(
        "steps", [1.0, "3", None, True, np.float64(2), np.bool_(True), [1]], ids=repr
    )
    def test_no_integer(self, steps):
        with pytest.raises(TypeError, match="whole number; got"):
            RunSteps(steps)

    def test_not_blocking(self):
        assert RunSteps(1, blocking=False).blocking is False
        assert RunContinuous().blocking is False


class FakeDtype:
    def __str__(self):
        return "torch.float64"


class FakeDevice:
    type, index = "cuda", 1

    def __str__(self):
        return "cuda:1"

    __repr__ = __str__  # for names of tests


CONFIGS = [RunConfig, Loihi1SimCfg, Loihi2SimCfg]


@pytest.mark.parametrize("config", CONFIGS)
class TestOptions:
    def test_defaults(self, config):
        cfg = config()
        assert (cfg.device, cfg.dtype, cfg.batch_size, cfg.seed) == ("cpu", "float32", None, None)
        assert (cfg.trainable, cfg.surrogate, cfg.stepper) == (False, None, "auto")
        assert cfg.custom_sync_domains == []

    def test_they_are_keyword_only(self, config):
        with pytest.raises(TypeError, match="positional"):
            config(None, None, None, None, None, "cpu")

    @pytest.mark.parametrize(
        ("dtype", "name"),
        [("float64", "float64"), ("torch.float32", "float32"), (np.float64, "float64"),
         (np.dtype("float32"), "float32"), (FakeDtype(), "float64")],
        ids=["str", "torch str", "numpy type", "numpy dtype", "torch dtype"],
    )  # fmt: skip
    def test_dtype(self, config, dtype, name):
        assert config(dtype=dtype).dtype == name

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"device": "cuda:0"}, "cuda:0"),
            ({"device": FakeDevice()}, "cuda:1"),
            ({"batch_size": np.int64(4)}, 4),
            ({"seed": 0}, 0),
            ({"seed": 2**64 - 1}, 2**64 - 1),
            ({"trainable": True}, True),
            ({"trainable": "dense.weights"}, ("dense.weights",)),
            ({"trainable": ["a.b", "*.vth"]}, ("a.b", "*.vth")),
            ({"surrogate": STEEP}, STEEP),
            ({"surrogate": "triangle"}, "triangle"),
            ({"stepper": "eager"}, "eager"),
        ],
        ids=str,
    )
    def test_accepted(self, config, options, expected):
        ((name, _),) = options.items()
        assert getattr(config(**options), name) == expected

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"device": 0}, TypeError),
            ({"device": ""}, ValueError),
            ({"dtype": "float16"}, ValueError),
            ({"dtype": np.int32}, ValueError),
            ({"dtype": 32}, TypeError),
            ({"batch_size": 0}, ValueError),
            ({"batch_size": 2.0}, TypeError),
            ({"batch_size": True}, TypeError),
            ({"seed": -1}, ValueError),
            ({"seed": 2**64}, ValueError),
            ({"seed": "x"}, TypeError),
            ({"trainable": 1}, TypeError),
            ({"trainable": ""}, ValueError),
            ({"trainable": [1]}, TypeError),
            ({"surrogate": 1}, TypeError),
            ({"stepper": None}, TypeError),
        ],
        ids=str,
    )
    def test_refused(self, config, options, error):
        ((name, value),) = options.items()
        with pytest.raises(error, match=name):
            config(**options)


class TestRunConfig:
    def test_a_subclass_needs_not_know_the_options(self):
        class Silent(RunConfig):
            def __init__(self):
                """It leaves everything at its defaults."""

        class Old(RunConfig):
            def __init__(self, custom_sync_domains=None):
                super().__init__(custom_sync_domains=custom_sync_domains)

        for config in (Silent(), Old()):
            assert (config.device, config.dtype, config.trainable) == ("cpu", "float32", False)
            assert list(config.custom_sync_domains) == []
            config.log.info("it has a log")

    def test_without_select_it_says_what_to_do(self, node):
        with pytest.raises(AssertionError, match=r"does not override select\(\).*'p' .Node"):
            RunConfig().select(node(name="p"), [])

    def test_sync_domains(self, node):
        domains = [SyncDomain("d", LoihiProtocol(), [node()])]
        assert RunConfig(domains).custom_sync_domains == domains

    @pytest.mark.parametrize("wrong", [SyncDomain("d"), (SyncDomain("d"),), ["d"]])
    def test_sync_domains_are_checked(self, wrong):
        with pytest.raises(AssertionError, match="custom_sync_domains must"):
            RunConfig(custom_sync_domains=wrong)

    def test_log_levels_do_not_mix(self):
        quiet, loud = RunConfig(loglevel=logging.ERROR), RunConfig(loglevel=logging.INFO)
        assert (quiet.log.level, loud.log.level) == (logging.ERROR, logging.INFO)

    @pytest.mark.parametrize(
        ("trainable", "expected"),
        [(True, True), (False, False), ("dense.weights", True), ("*.weights", True),
         (["lif.*", "dense*.w?ights"], True), ("dense.Weights", False), ([], False)],
        ids=str,
    )  # fmt: skip
    def test_is_trainable(self, trainable, expected):
        config = RunConfig(trainable=trainable)
        assert config.is_trainable("dense", "weights") is expected


class Leaf(AbstractProcessModel):
    def run_spk(self):
        """Selection only looks whether it is there."""


class Sub(AbstractSubProcessModel):
    def __init__(self, proc):
        self.inner = None


class Bare(AbstractProcessModel):
    """Neither a leaf model nor a sub-process model."""


@tag("floating_pt")
class Float(Leaf):
    pass


@tag("fixed_pt", "bit_accurate_loihi")
class Fixed(Leaf):
    pass


@tag("fixed_pt")
class OtherFixed(Leaf):
    pass


@tag("floating_pt")
class FloatSub(Sub):
    pass


@tag("fixed_pt")
class FixedSub(Sub):
    pass


class Cell(AbstractProcess):
    pass


@pytest.mark.parametrize("config", [Loihi1SimCfg, Loihi2SimCfg])
class TestSelect:
    @pytest.mark.parametrize(
        ("options", "candidates", "expected"),
        [
            ({}, [Float], Float),
            ({}, [Leaf], Leaf),
            ({}, [FloatSub], FloatSub),
            ({"select_tag": "fixed_pt"}, [Fixed], Fixed),
            ({"select_tag": "bit_accurate_loihi"}, [Fixed], Fixed),
            ({"select_tag": "fixed_pt"}, [Leaf], Leaf),
            ({"select_tag": "fixed_pt"}, [Sub], Sub),
            ({}, [Float, Fixed], Float),
            ({}, [Fixed, Float], Fixed),
            ({"select_tag": "fixed_pt"}, [Float, Fixed, OtherFixed], Fixed),
            ({"select_tag": "fixed_pt"}, [Leaf, Fixed], Fixed),
            ({}, [Sub, Float], Float),
            ({"select_tag": "floating_pt"}, [FloatSub, Float], Float),
            ({}, [Bare, Float], Float),
            ({"select_sub_proc_model": True}, [Float, Sub], Sub),
            ({"select_sub_proc_model": True, "select_tag": "fixed_pt"},
             [Fixed, FloatSub], FloatSub),
            ({"select_sub_proc_model": True}, [Float, FixedSub, FloatSub], FixedSub),
            ({"select_sub_proc_model": True, "select_tag": "floating_pt"},
             [Float, FixedSub, FloatSub], FloatSub),
            ({"select_sub_proc_model": True}, [Float, Fixed], Float),
            ({"select_sub_proc_model": True, "select_tag": "fixed_pt"}, [Float, Fixed], Fixed),
        ],
        ids=lambda value: str([v.__name__ for v in value]) if isinstance(value, list) else None,
    )  # fmt: skip
    def test_selected(self, config, options, candidates, expected):
        assert config(**options).select(Cell(), candidates) is expected

    @pytest.mark.parametrize(
        ("options", "candidates"),
        [
            ({"select_tag": "fixed_pt"}, [Float]),
            ({"select_tag": "fixed_pt"}, [FloatSub]),
            ({"select_tag": "nothing"}, [Float, Fixed]),
            ({"select_tag": "fixed_pt"}, [Leaf, Float]),
            ({}, [FloatSub, FixedSub]),
            ({"select_sub_proc_model": True, "select_tag": "x"}, [Fixed, FixedSub, FloatSub]),
        ],
    )
    def test_none_fits(self, config, options, candidates):
        with pytest.raises(AssertionError) as error:
            config(**options).select(Cell(name="cell"), candidates)
        message = str(error.value)
        assert "'cell' (Cell)" in message and options.get("select_tag", "") in message
        for model in candidates:
            assert model.__name__ in message and str(list(model.tags)) in message

    def test_there_is_none(self, config):
        with pytest.raises(AssertionError, match="no ProcessModel for Process 'cell'"):
            config().select(Cell(name="cell"), [])

    def test_the_only_one_cannot_run_here(self, config):
        with pytest.raises(NotImplementedError, match="Bare, the only ProcessModel of.*'cell'"):
            config().select(Cell(name="cell"), [Bare])

    def test_exceptions_come_first_by_instance_then_by_class(self, config):
        special, ordinary = Cell(), Cell()
        cfg = config(
            select_tag="floating_pt", exception_proc_model_map={special: Bare, Cell: OtherFixed}
        )
        assert cfg.select(special, [Float]) is Bare
        assert cfg.select(ordinary, []) is OtherFixed

    @pytest.mark.parametrize(
        ("models", "message"),
        [([], "must be a dict"), (5, "must be a dict"), ({Leaf: Leaf}, "no Process"),
         ({"Cell": Leaf}, "no Process"), ({Cell: Cell}, "no ProcessModel"),
         ({Cell: "Leaf"}, "no ProcessModel")],
        ids=str,
    )  # fmt: skip
    def test_exceptions_are_checked(self, config, models, message):
        with pytest.raises(TypeError, match=message):
            config(exception_proc_model_map=models)

    def test_the_tag_must_be_a_str(self, config):
        with pytest.raises(TypeError, match="select_tag must be None or a str; got 3"):
            config(select_tag=3)

    def test_the_choice_is_logged(self, config, caplog):
        with caplog.at_level(logging.INFO):
            config(loglevel=logging.INFO).select(Cell(name="cell"), [Float, Fixed])
        assert "Process 'cell' (Cell) gets Float" in caplog.text

    def test_select_can_be_overridden(self, config):
        class Last(config):
            def select(self, process, proc_models):
                return proc_models[-1]

        assert Last(select_tag="floating_pt").select(Cell(), [Float, Fixed]) is Fixed


def test_signature_of_lava():
    args = (None, "fixed_pt", True, {Cell: Fixed}, logging.ERROR)
    config = Loihi2SimCfg(*args)
    assert isinstance(config, Loihi1SimCfg)
    assert (config.select_tag, config.select_sub_proc_model) == ("fixed_pt", True)
    assert config.exception_proc_model_map == {Cell: Fixed}
    assert config.log.level == logging.ERROR
    assert Loihi2SimCfg().exception_proc_model_map == {}
