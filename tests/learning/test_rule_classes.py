"""Learning rules as objects: what they hold, and what they refuse."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from lava_torch.learning import (
    Factor,
    GradedSpikeCfg,
    Loihi2FLearningRule,
    Loihi3FLearningRule,
    LoihiLearningRule,
    Plan,
    Product,
    ProductSeries,
    RewardModulatedSTDP,
    RuleError,
    STDPLoihi,
    float_to_literal,
    parse,
)

STDP = "2^-2*x1*y0 - 2^-3*y1*x0"
TRACES = ("x1", "x2", "y1", "y2", "y3")
PARAMETERS = [f"{trace}_{what}" for trace in TRACES for what in ("impulse", "tau")]
KINDS = [LoihiLearningRule, Loihi2FLearningRule, Loihi3FLearningRule]

kinds = pytest.mark.parametrize("kind", KINDS)
parameters = pytest.mark.parametrize("parameter", PARAMETERS)


def state(rule: LoihiLearningRule) -> tuple:
    texts = (rule.dw_str, rule.dd_str, rule.dt_str)
    values = tuple(getattr(rule, name) for name in PARAMETERS)
    return (*texts, *values, rule.plan, rule.t_epoch, rule.rng_seed)


@pytest.fixture
def numpy_state() -> Iterator[None]:
    """What a test seeds is put back after it."""
    before = np.random.get_state()
    yield
    np.random.set_state(before)


@pytest.fixture
def rule() -> Loihi2FLearningRule:
    return Loihi2FLearningRule(
        dw=STDP, dt="u2*t*w", x1_impulse=16, x1_tau=10.5, y1_tau=5, t_epoch=4, rng_seed=7
    )


class TestRule:
    @kinds
    def test_defaults(self, kind):
        rule = kind(dw="x0*w")
        assert (rule.dw_str, rule.dd_str, rule.dt_str) == ("x0*w", None, None)
        assert (rule.x1_impulse, rule.x1_tau, rule.x2_impulse, rule.x2_tau) == (0, 0, 0, 0)
        assert rule.t_epoch == 1 and rule.decimate_exponent is None

    @pytest.mark.parametrize("kind", KINDS[:2])
    def test_order_of_arguments(self, kind):
        names = ["dw", "dd", "dt", *PARAMETERS, "t_epoch", "rng_seed"]
        assert list(inspect.signature(kind).parameters) == names
        rule = kind("x0*y1", "y0*x1", "x0*y2", *range(1, 11), 12, 13)
        assert (rule.dw_str, rule.dd_str, rule.dt_str) == ("x0*y1", "y0*x1", "x0*y2")
        assert [getattr(rule, name) for name in PARAMETERS] == list(range(1, 11))
        assert (rule.t_epoch, rule.rng_seed) == (12, 13)

    def test_series(self, rule):
        assert rule.dw == parse("w", STDP) and rule.dt == parse("t", "u2*t*w") and rule.dd is None
        assert rule.active_product_series == {"dw": rule.dw, "dt": rule.dt}
        assert rule.decimate_exponent == 2

    def test_traces(self, rule):
        assert rule.active_traces == {"x1", "y1"}
        assert rule.active_traces_per_dependency == {"y0": {"x1"}, "x0": {"y1"}, "u": set()}
        assert rule.dw.active_traces == {"x1", "y1"} and rule.dt.active_traces == set()
        assert rule.dw.active_traces_per_dependency == {"y0": {"x1"}, "x0": {"y1"}}

    def test_repr_says_what_makes_it(self, rule):
        assert repr(rule) == (
            f"Loihi2FLearningRule(dw='{STDP}', dt='u2*t*w', x1_impulse=16, x1_tau=10.5, y1_tau=5, "
            "t_epoch=4, rng_seed=7)"
        )
        assert state(eval(repr(rule))) == state(rule)

    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
    def test_copies_are_separate(self, rule, copied):
        before, other = state(rule), copied(rule)
        assert state(other) == before
        other.x1_tau, other.dw_str = 3, "x0*y0"
        assert state(rule) == before

    def test_no_rule(self):
        with pytest.raises(ValueError, match="LoihiLearningRule needs a rule: give dw, dd or dt"):
            LoihiLearningRule(x1_tau=3)

    @pytest.mark.parametrize("name", ["dw", "dd", "dt"])
    def test_an_empty_text_is_no_rule(self, name):
        with pytest.raises(RuleError, match=f"^{name}, column 1: the text is empty"):
            Loihi2FLearningRule(**{"dw": "x0*w", name: ""})

    @pytest.mark.parametrize("name", ["dw", "dd", "dt"])
    def test_the_place_of_an_error(self, name):
        with pytest.raises(RuleError, match=f"^{name}, column 4: unknown symbol 'z'"):
            Loihi2FLearningRule(**{name: "x0*z"})

    @pytest.mark.parametrize("text", [3, b"x0*w", ["x0*w"]], ids=["int", "bytes", "list"])
    def test_a_rule_is_text(self, text):
        with pytest.raises(TypeError, match="dd must be a rule such as 'x0\\*y1', or None"):
            Loihi2FLearningRule(dd=text)

    @pytest.mark.parametrize(
        ("texts", "at", "first", "second"),
        [
            ({"dw": "u1*w", "dt": "x0*w - 2*u2*t"}, "dt, column 10", 1, 2),
            ({"dw": "u1*w", "dd": "u0*w"}, "dd, column 1", 1, 0),
            ({"dw": "x0*w", "dt": "u3*t", "dd": "u4*d"}, "dd, column 1", 3, 4),
        ],
        ids=["dt", "dd", "not dw"],
    )
    def test_different_epochs(self, texts, at, first, second):
        message = f"^{at}: u{second} here, and u{first} in another rule"
        with pytest.raises(RuleError, match=message):
            Loihi2FLearningRule(**texts)


class TestSetting:
    def test_texts(self, rule):
        rule.dw_str = "x0*y1"
        assert rule.dw == parse("w", "x0*y1") and rule.active_traces == {"y1"}
        rule.dd_str = "u2*d"
        assert rule.dd == parse("d", "u2*d") and rule.plan.targets == ("w", "t", "d")
        rule.dw_str = rule.dt_str = None
        assert rule.dw is None and rule.plan.targets == ("d",)

    @parameters
    def test_parameters(self, rule, parameter):
        setattr(rule, parameter, 2.5)
        assert getattr(rule, parameter) == 2.5

    def test_epoch_and_seed(self, rule):
        rule.t_epoch, rule.rng_seed = np.int64(63), 0
        assert (rule.t_epoch, rule.rng_seed) == (63, 0) and type(rule.t_epoch) is int

    @pytest.mark.parametrize(
        ("name", "value", "error", "message"),
        [
            ("dw_str", "x0*", RuleError, "dw, column 4: the text ends"),
            ("dw_str", "", RuleError, "dw, column 1: the text is empty"),
            ("dw_str", 2, TypeError, "dw must be a rule"),
            ("dd_str", "u1*d", RuleError, "u1 here, and u2 in another"),
            ("dd_str", "d*x2*x0", RuleError, "dd, column 3: the trace x2 is not configured"),
            ("y1_tau", 0, RuleError, "dw, column 19: the trace y1 is not configured"),
            ("x1_tau", -1, ValueError, "x1_tau must be a number, finite and not negative; got -1"),
            ("t_epoch", 0, ValueError, "t_epoch must be a whole number of time steps in"),
            ("rng_seed", -1, ValueError, "rng_seed must be a whole number, not negative; got -1"),
            ("rng_seed", 1.5, ValueError, "rng_seed must be a whole number"),
            ("rng_seed", True, ValueError, "rng_seed must be a whole number"),
        ],
    )
    def test_what_is_refused_changes_nothing(self, rule, name, value, error, message):
        before = state(rule)
        with pytest.raises(error, match=message):
            setattr(rule, name, value)
        assert state(rule) == before

    def test_the_last_rule_stays(self):
        rule = Loihi2FLearningRule(dt="x0*t")
        with pytest.raises(ValueError, match="needs a rule"):
            rule.dt_str = None
        assert rule.dt_str == "x0*t" and rule.plan.targets == ("t",)

    @pytest.mark.parametrize("name", ["plan", "dw", "dd", "dt", "active_traces"])
    def test_what_follows_from_the_texts_cannot_be_set(self, rule, name):
        with pytest.raises(AttributeError):
            setattr(rule, name, None)


class TestValues:
    BAD = [-1, -0.5, float("nan"), float("inf"), "3", None, True, 1j, [1.0]]

    @pytest.mark.parametrize("value", BAD, ids=repr)
    @parameters
    def test_parameters(self, parameter, value):
        if value == float("inf") and parameter.endswith("_tau"):  # it does not decay
            assert getattr(Loihi2FLearningRule(dw="x0*w", **{parameter: value}), parameter) == value
            return
        with pytest.raises(ValueError, match=f"{parameter} must be a number, finite and not neg"):
            Loihi2FLearningRule(dw="x0*w", **{parameter: value})

    @pytest.mark.parametrize("value", [0, 3, 2.5, np.float32(1.5), np.int64(4)], ids=str)
    def test_numbers_of_any_kind(self, value):
        assert Loihi2FLearningRule(dw="x0*w", x1_tau=value).x1_tau == value

    @pytest.mark.parametrize("value", [0, -1, 64, 2.5, 2.0, True, "4", None], ids=repr)
    @kinds
    def test_t_epoch(self, kind, value):
        with pytest.raises(ValueError, match=r"t_epoch must be .* in \[1, 63\]; got"):
            kind(dw="x0*w", t_epoch=value)

    @pytest.mark.parametrize("value", [1, 63, np.uint8(5)])
    def test_good_t_epoch(self, value):
        assert Loihi2FLearningRule(dw="x0*w", t_epoch=value).t_epoch == value

    @kinds
    def test_a_seed_is_drawn_once(self, kind, numpy_state):
        np.random.seed(3)
        rules = [kind(dw="x0*w") for _ in range(3)]
        seeds = [rule.rng_seed for rule in rules]
        assert len(set(seeds)) == 3 and all(type(s) is int and s >= 0 for s in seeds)
        assert [rule.rng_seed for rule in rules] == seeds
        np.random.seed(3)
        assert kind(dw="x0*w").rng_seed == seeds[0]

    def test_a_given_seed_draws_nothing(self, numpy_state):
        np.random.seed(3)
        before = np.random.get_state()[2]
        assert Loihi2FLearningRule(dw="x0*w", rng_seed=5).rng_seed == 5
        assert np.random.get_state()[2] == before


class TestUnconfiguredTraces:
    @pytest.mark.parametrize("name", ["dw", "dd", "dt"])
    @pytest.mark.parametrize("trace", TRACES)
    def test_reading_one(self, trace, name):
        with pytest.raises(RuleError, match=f"^{name}, column 11: the trace {trace} is not config"):
            Loihi2FLearningRule(**{name: f"x0*w*(1 - {trace})"})

    @parameters
    def test_one_of_both_is_enough(self, parameter):
        trace = parameter[:2]
        rule = Loihi2FLearningRule(dw=f"x0*{trace}", **{parameter: 3})
        assert rule.active_traces == {trace}
        with pytest.raises(RuleError, match="are both 0. Give one of them"):
            setattr(rule, parameter, 0)
        assert getattr(rule, parameter) == 3

    def test_the_place_of_the_first(self):
        with pytest.raises(RuleError) as error:
            Loihi2FLearningRule(dw="x0*w", dt="x0*w + y0*x2*x2")
        assert str(error.value).endswith("\n  dt = x0*w + y0*x2*x2\n                 ^")


class TestThreeFactors:
    def test_traces_are_received(self):
        rule = Loihi3FLearningRule(dw="u0*t*y2*y3*y1", x1_impulse=8, x1_tau=7)
        assert (rule.x1_impulse, rule.x1_tau) == (8, 7)
        assert [getattr(rule, f"{trace}_impulse") for trace in TRACES[2:]] == [0, 0, 0]
        assert [getattr(rule, f"{trace}_tau") for trace in TRACES[2:]] == [65535] * 3

    def test_arguments(self):
        names = ["dw", "dd", "dt", *PARAMETERS[:4], "t_epoch", "rng_seed"]
        assert list(inspect.signature(Loihi3FLearningRule).parameters) == names
        with pytest.raises(TypeError, match="y1_tau"):
            Loihi3FLearningRule(dw="x0*y1", y1_tau=3)

    @pytest.mark.parametrize("parameter", PARAMETERS[4:])
    def test_y_is_fixed(self, parameter):
        rule = Loihi3FLearningRule(dw="x0*y1")
        with pytest.raises(AttributeError, match=f"no {parameter} to set: the trace is received"):
            setattr(rule, parameter, 3)

    def test_x_is_checked(self):
        with pytest.raises(RuleError, match="the trace x1 is not configured"):
            Loihi3FLearningRule(dw="y0*x1")

    def test_repr(self):
        rule = Loihi3FLearningRule(dw="u0*y2", x1_tau=3, rng_seed=1)
        assert repr(rule) == "Loihi3FLearningRule(dw='u0*y2', x1_tau=3, t_epoch=1, rng_seed=1)"


class TestPlan:
    def test_one_of_everything(self):
        plan = Plan.of(
            {
                "dd": "y0*x1",
                "dw": "2^-1*u1*x1*w - y0*x1*(y2 + 1)*x0",
                "dt": "x0*y1*sgn(w)*y1",
            }
        )
        assert plan.series == (
            parse("w", "2^-1*u1*x1*w - y0*x1*(y2 + 1)*x0"),
            parse("t", "x0*y1*sgn(w)*y1"),
            parse("d", "y0*x1"),
        )
        assert plan.targets == ("w", "t", "d") == plan.variables
        assert plan.traces == (("x1", "u"), ("x1", "y0"), ("y1", "x0"), ("y2", "y0"))
        assert plan.dependencies == ("x0", "y0", "u") == plan.flags
        assert plan.decimate_exponent == 1 and not plan.event_driven
        assert len(plan.products) == 4

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("x0", {"variables": ("w",), "dependencies": ("x0",), "flags": ("x0",)}),
            ("y0*x0", {"dependencies": ("y0",), "flags": ("x0", "y0"), "traces": ()}),
            ("x0*d*t", {"variables": ("w", "t", "d"), "targets": ("w",)}),
            ("x0*sgn(t)", {"variables": ("w", "t")}),
            ("u3*(x0 + 1)", {"dependencies": ("u",), "flags": ("x0", "u")}),
            ("x0 + y0", {"event_driven": True, "decimate_exponent": None}),
            ("x0 + u0", {"event_driven": False, "decimate_exponent": 0}),
            ("x0*x1*x1 + x0*x1", {"traces": (("x1", "x0"),)}),
        ],
    )
    def test_what_follows(self, text, expected):
        plan = Plan.of({"dw": text})
        assert {name: getattr(plan, name) for name in expected} == expected

    def test_equal_plans_hash_alike(self):
        plans = {Plan.of({"dw": text, "dt": None}) for text in ("x0*y1", "(x0) * y1", "2^0*x0*y1")}
        assert len(plans) == 1 and Plan.of({"dw": "x0*y2"}) not in plans

    def test_plain_data(self):
        series = ProductSeries("w", (Product("x0", 1, 0, (Factor("y1"),)),), None)
        assert Plan((series,)) == Plan.of({"dw": "x0*y1"})
        with pytest.raises(AttributeError):
            Plan((series,)).series = ()

    @pytest.mark.parametrize("name", ["dw", "dt", "dd"])
    def test_an_error_names_the_rule(self, name):
        with pytest.raises(RuleError, match=f"^{name}, column 1: the text is empty"):
            Plan.of({name: ""})


class TestLiterals:
    @pytest.mark.parametrize(
        ("number", "literal", "value"),
        [
            (0, "0", 0),
            (-0.0, "0", 0),
            (1, "1", 1),
            (-1, "(-1)", -1),
            (0.25, "2^-2", 0.25),
            (0.3, "2^-2", 0.25),
            (-0.5, "(-1)*2^-1", -0.5),
            (2.5, "2", 2),
            (-2.5, "(-2)", -2),
            (1.4, "1", 1),
            (1.5, "2^1", 2),
            (2.9, "2*2^1", 4),
            (6.4, "6", 6),
            (2.0**-7, "2^-7", 2.0**-7),
            (2.0**-0.5, "1", 1),
            (2.0**-1.5, "2^-2", 0.25),
            (np.float32(0.1), "2^-3", 0.125),
        ],
    )
    def test_rounding(self, number, literal, value):
        assert float_to_literal(number) == literal
        for text in (f"{literal}*x0", f"x0*{literal}", f"x0*y1 + 1*{literal}*x0"):
            found = parse("w", text).products[-1]
            assert found.mantissa * 2.0**found.exponent == value

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), "1", None, 1j], ids=repr)
    def test_no_number(self, number):
        with pytest.raises(ValueError, match="a finite number is needed"):
            float_to_literal(number)


class TestSTDP:
    def test_rule(self):
        rule = STDPLoihi(0.5, 1.0, -1.0, 8.0, 6.0, t_epoch=2, rng_seed=4)
        assert rule.dw == parse("w", "-2^-1*x0*y1 + 2^-1*y0*x1")
        assert (rule.learning_rate, rule.A_plus, rule.A_minus) == ("2^-1", "1", "(-1)")
        assert (rule.x1_tau, rule.y1_tau) == (8, 6) == (rule.tau_plus, rule.tau_minus)
        assert (rule.x1_impulse, rule.y1_impulse) == (16, 16)
        assert (rule.t_epoch, rule.rng_seed) == (2, 4)
        assert isinstance(rule, Loihi2FLearningRule)

    def test_further_arguments(self):
        rule = STDPLoihi(1, 2, -2, 10, 10, "x0*d", dt="x0*x2", x1_impulse=4, y1_impulse=5, x2_tau=3)
        assert (rule.dd_str, rule.dt_str) == ("x0*d", "x0*x2")
        assert (rule.x1_impulse, rule.y1_impulse, rule.x2_tau) == (4, 5, 3)

    def test_tau_follows_the_trace(self):
        rule = STDPLoihi(1, 1, -1, 10, 10)
        rule.x1_tau, rule.y1_tau = 3, 4
        assert (rule.tau_plus, rule.tau_minus) == (3, 4)

    def test_nothing_is_learnt_at_the_rate_0(self):
        assert [p.mantissa for p in STDPLoihi(0, 1, -1, 10, 10).dw.products] == [0, 0]

    def test_out_of_range(self):
        with pytest.raises(RuleError, match="dw, column 1: the scale of this product, 2\\^-8, is"):
            STDPLoihi(2**-8, 1, 1, 10, 10)

    @pytest.mark.parametrize("name", ["learning_rate", "A_plus", "A_minus"])
    def test_no_number(self, name):
        numbers = {"learning_rate": 1, "A_plus": 1, "A_minus": -1} | {name: "2^-1"}
        with pytest.raises(ValueError, match=f"{name}: a finite number is needed; got '2\\^-1'"):
            STDPLoihi(**numbers, tau_plus=10, tau_minus=10)

    def test_negative_tau(self):
        with pytest.raises(ValueError, match="x1_tau must be"):
            STDPLoihi(1, 1, -1, -10, 10)


class TestRewardModulatedSTDP:
    def test_rule(self):
        rule = RewardModulatedSTDP(0.5, 2, -2, 10, 11, 16, 17, 0.1, t_epoch=2)
        assert rule.dw == parse("w", "u0*t*y2")
        assert rule.dt == parse("t", "-2^-1*2*x0*y1 + 2^-1*2*y0*x1 - 2^-3*u0*t")
        assert (rule.x1_tau, rule.x1_impulse, rule.t_epoch) == (10, 16, 2)
        assert (rule.pre_trace_decay_tau, rule.pre_trace_kernel_magnitude) == (10, 16)
        assert (rule.post_trace_decay_tau, rule.post_trace_kernel_magnitude) == (11, 17)
        assert (rule.learning_rate, rule.A_plus, rule.A_minus) == ("2^-1", "2", "(-2)")
        assert rule.eligibility_trace_decay_tau == "2^-3"
        assert (rule.y1_tau, rule.y1_impulse) == (65535, 0)
        assert isinstance(rule, Loihi3FLearningRule)

    def test_further_arguments(self):
        rule = RewardModulatedSTDP(1, 1, -1, 10, 10, 16, 16, 1, "x0*x2", x2_tau=3, rng_seed=8)
        assert (rule.dd_str, rule.x2_tau, rule.rng_seed) == ("x0*x2", 3, 8)

    def test_a_tag_that_stays(self):
        products = RewardModulatedSTDP(1, 1, -1, 10, 10, 16, 16, 0).dt.products
        assert products[-1] == Product("u", 0, 0, (Factor("t"),))

    @pytest.mark.parametrize("name", ["post_trace_decay_tau", "post_trace_kernel_magnitude"])
    def test_post_arguments_are_checked(self, name):
        numbers = dict.fromkeys(
            ("pre_trace_decay_tau", "pre_trace_kernel_magnitude", "eligibility_trace_decay_tau"), 1
        ) | {"post_trace_decay_tau": 1, "post_trace_kernel_magnitude": 1, name: -1}
        with pytest.raises(ValueError, match=f"{name} must be a number, finite and not negative"):
            RewardModulatedSTDP(1, 1, -1, **numbers)


def test_graded_spikes():
    names = ["USE_REGULAR_IMPULSE", "OVERWRITE", "ADD_WITH_SATURATION", "ADD_WITHOUT_SATURATION"]
    assert [(cfg.name, int(cfg)) for cfg in GradedSpikeCfg] == list(
        zip(names, range(4), strict=True)
    )
