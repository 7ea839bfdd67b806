"""The random numbers that round synapses in fixed point.

At the end of an epoch each neuron gets an odd word of 32 bits, see `DRAW` of the package above;
those of the presynaptic neurons come first. The number that rounds a synapse is the upper 7 bits of
the product, modulo 2^32, of its two neurons' words. Odd numbers have inverses: given one word, the
product is as random as the other. So each number is uniform; any two are independent, and so are
any, but those of synapses that form a cycle between pre- and postsynaptic neurons. (Of four in a
rectangle the whole products satisfy ab cd = ad cb; their upper bits do not show it.) It costs a
multiplication where a block of Philox for each synapse would cost more than the rule, and a
synapse's number does not depend on how the synapses are stored.
"""

from __future__ import annotations

from lava_torch.kernels.learning.rule import FRACTION, ROUND
from lava_torch.kernels.random import STREAMS

#: The stream of the words.
STREAM = STREAMS["rounding"]
#: How far a product is shifted to get its upper bits, and which of them are kept.
SHIFT, MASK = 32 - FRACTION, ROUND
