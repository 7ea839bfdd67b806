"""Learning rules: their grammar, as sums of products, and as plans that kernels are made from."""

from lava_torch.learning.errors import RuleError
from lava_torch.learning.graded import GradedSpikeCfg
from lava_torch.learning.grammar import parse
from lava_torch.learning.plan import Factor, Plan, Product, ProductSeries
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
    "float_to_literal",
    "parse",
]
