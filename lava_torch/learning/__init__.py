"""Learning rules: their grammar, as sums of products, and as plans that kernels are made from."""

from lava_torch.learning.errors import RuleError
from lava_torch.learning.graded import GradedSpikeCfg
from lava_torch.learning.grammar import parse
from lava_torch.learning.plan import Factor, Plan, Product, ProductSeries
from lava_torch.learning.rounding import apply_mask, stochastic_round
from lava_torch.learning.rules import (
    Loihi2FLearningRule,
    Loihi3FLearningRule,
    LoihiLearningRule,
)
from lava_torch.learning.stdp import RewardModulatedSTDP, STDPLoihi, float_to_literal

__all__ = [
    "Factor",
    "GradedSpikeCfg",
    "Loihi2FLearningRule",
    "Loihi3FLearningRule",
    "LoihiLearningRule",
    "Plan",
    "Product",
    "ProductSeries",
    "RewardModulatedSTDP",
    "RuleError",
    "STDPLoihi",
    "apply_mask",
    "float_to_literal",
    "parse",
    "stochastic_round",
]
