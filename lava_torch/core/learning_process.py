"""The Vars and ports that learning needs, for connections and for neurons.

They follow the plasticity of Loihi (Davies et al., "Loihi: a neuromorphic manycore processor with
on-chip learning", IEEE Micro 38, 2018): traces x of presynaptic and y of postsynaptic spikes, and
the synaptic variables weight, delay (`tag_2`) and tag (`tag_1`), changed once an epoch by sums of
products.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var

RULE_LENGTH = 256
#: How the items of a batch learn: each its own synapses, or all the same by their mean change.
BATCH_MODES = ("each", "mean")
TRACES = ("x1", "x2", "y1", "y2", "y3")


class LearningRule(Protocol):
    """What a learning rule tells a connection: its rules as text, and its traces' parameters."""

    dw_str: str | None
    dd_str: str | None
    dt_str: str | None
    x1_tau: float
    x1_impulse: float
    x2_tau: float
    x2_impulse: float
    y1_tau: float
    y1_impulse: float
    y2_tau: float
    y2_impulse: float
    y3_tau: float
    y3_impulse: float

    def take_graded_spikes(self) -> None: ...


class LearningConnectionProcess(AbstractProcess):
    """Base of the connections that learn, from m presynaptic to n postsynaptic neurons.

    Ports: `s_in_bap` takes the spikes of the postsynaptic neurons, `s_in_y1`, `s_in_y2` and
    `s_in_y3` their traces under a three-factor rule; all (n,).

    Vars: `x0` (spiked in this epoch), `tx` (when), `x1`, `x2` of shape (m,); `y0`, `ty`, `y1`,
    `y2`, `y3` of shape (n,); `tag_1`, `tag_2` of `shape`; the rules `dw`, `dd`, `dt` as strings,
    empty where there is none; and `x1_tau`, `x1_impulse` and so on for each trace, of shape (1,).
    All but the tags and the rule's own values start at 0.

    Parameters
    ----------
    shape : (n, m).
    learning_rule : see LearningRule.
    kwargs : among them `tag_1` and `tag_2`, numbers or arrays of `shape` (None: zeros);
        `graded_spike_cfg`, which sets the rule's x1_impulse to 0 unless it is 0; `batch_learning`,
        one of BATCH_MODES.

    Raises
    ------
    ValueError : no learning rule; no synapses; an unknown `batch_learning`.
    """

    def __init__(
        self, shape: tuple[int, int], learning_rule: LearningRule | None, **kwargs: Any
    ) -> None:
        self._check_learning(shape, learning_rule, kwargs)
        self._add_learning(shape, (shape[-1],), (shape[0],), learning_rule, kwargs)
        super().__init__(shape=shape, learning_rule=learning_rule, **kwargs)

    def _check_learning(
        self, shape: tuple[int, ...], rule: LearningRule | None, kwargs: Mapping[str, Any]
    ) -> None:
        label = f"{type(self).__name__} '{kwargs.get('name')}'"
        if rule is None:
            raise ValueError(
                f"{label} needs a learning_rule; use the connection that does not learn if there "
                f"is none."
            )
        if not hasattr(rule, "dw_str"):
            raise ValueError(
                f"{label} has the learning_rule {rule!r}; give it a LoihiLearningRule, such as "
                "Loihi2FLearningRule(dw=...) or STDPLoihi."
            )
        if len(shape) < 2 or 0 in shape:
            raise ValueError(
                f"{label} has weights of shape {tuple(shape)}, and no synapse that could learn; "
                "give it a matrix (post, pre)."
            )
        mode = kwargs.get("batch_learning", BATCH_MODES[0])
        if mode not in BATCH_MODES:
            raise ValueError(f"{label}: batch_learning must be one of {BATCH_MODES}; got {mode!r}.")

    def _add_learning(
        self,
        shape: tuple[int, ...],
        pre: tuple[int, ...],
        post: tuple[int, ...],
        rule: LearningRule,
        kwargs: Mapping[str, Any],
    ) -> None:
        """Ports and Vars for synapses of `shape` between neurons of the shapes `pre` and `post`."""
        if kwargs.get("graded_spike_cfg", 0):
            rule.take_graded_spikes()
        self._learning_rule = rule
        for port in ("s_in_bap", "s_in_y1", "s_in_y2", "s_in_y3"):
            setattr(self, port, InPort(shape=post))
        for var in ("x0", "tx", "x1", "x2"):
            setattr(self, var, Var(shape=pre))
        for var in ("y0", "ty", "y1", "y2", "y3"):
            setattr(self, var, Var(shape=post))
        self.tag_1 = Var(shape=shape, init=_or_zero(kwargs.get("tag_1")))
        self.tag_2 = Var(shape=shape, init=_or_zero(kwargs.get("tag_2")))
        self._add_rule_vars(rule)

    def _add_rule_vars(self, rule: LearningRule) -> None:
        for target in ("dw", "dd", "dt"):
            text = getattr(rule, f"{target}_str") or ""
            setattr(self, target, Var(shape=(RULE_LENGTH,), init=text))
        for trace in TRACES:
            for parameter in (f"{trace}_tau", f"{trace}_impulse"):
                setattr(self, parameter, Var(shape=(1,), init=getattr(rule, parameter)))


class LearningNeuronProcess:
    """Mixin for neurons that take part in learning; to be named before the neuron's class.

    Ports: `a_third_factor_in` takes a third factor, `s_out_bap` sends spikes back to the synapses,
    `s_out_y1`, `s_out_y2` and `s_out_y3` send traces; all (shape[0],). Vars: `y1`, `y2`, `y3` of
    `shape`, 0 at first.

    Parameters
    ----------
    shape : the neurons' shape.
    learning_rule : see LearningRule; None where the models use none.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        learning_rule: LearningRule | None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        self._learning_rule = learning_rule
        self.a_third_factor_in = InPort(shape=(shape[0],))
        for port in ("s_out_bap", "s_out_y1", "s_out_y2", "s_out_y3"):
            setattr(self, port, OutPort(shape=(shape[0],)))
        for var in ("y1", "y2", "y3"):
            setattr(self, var, Var(shape=shape))
        super().__init__(*args, shape=shape, learning_rule=learning_rule, **kwargs)


def refuse_learning_rule(
    process: AbstractProcess, name: str | None, kwargs: Mapping[str, Any]
) -> None:
    """Raise ValueError if a Process that does not learn is given a learning rule."""
    learns = isinstance(process, LearningConnectionProcess | LearningNeuronProcess)
    if kwargs.get("learning_rule") is not None and not learns:
        kind = type(process).__name__
        raise ValueError(
            f"{kind} '{name}' does not learn, but was given a learning_rule. Use Learning{kind}, "
            "or leave it out."
        )


def _or_zero(value: Any) -> Any:
    return 0 if value is None else value
