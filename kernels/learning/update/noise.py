"""The random numbers that round synapses in fixed point: 8 bits each, 16 to a block of Philox.

A synapse of a neuron that spiked shares its block with 15 neighbours of the same presynaptic
neuron. Where a rule changes others by postsynaptic spikes alone, those, which are few and far
between, share theirs with 15 neighbours of the same postsynaptic neuron. Sparse synapses are
sixteen to a block in the order in which they lie.
"""

from __future__ import annotations

from lava_torch.kernels.random import STREAMS

#: Synapses whose rounding one block serves.
PER_BLOCK = 16
#: The streams of the two kinds of blocks.
BY_PRE, BY_POST = STREAMS["rounding"], STREAMS["rounding of columns"]
