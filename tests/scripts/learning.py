"""STDP with a LIF neuron, and learning rules of one's own."""

import numpy as np
from lava.magma.core.learning.learning_rule import Loihi2FLearningRule
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import LearningDense
from lava.proc.io.source import RingBuffer as SpikeIn
from lava.proc.learning_rules.stdp_learning_rule import STDPLoihi
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

CFG = Loihi2SimCfg(select_tag="floating_pt")


def spikes(steps, *at):
    data = np.zeros((1, steps))
    data[0, np.array(at, dtype=int) - 1] = 1
    return SpikeIn(data=data)


# STDP. A presynaptic spike makes the neuron spike one step later.
stdp = STDPLoihi(
    learning_rate=1, A_plus=1, A_minus=-1, tau_plus=10, tau_minus=10, t_epoch=1, rng_seed=1
)
pre = spikes(7, 1, 5)
plastic = LearningDense(weights=np.array([[12.0]]), learning_rule=stdp, name="plastic")
neuron = LIF(shape=(1,), du=1, dv=1, vth=10, name="neuron")
pre.s_out.connect(plastic.s_in)
plastic.a_out.connect(neuron.a_in)
neuron.s_out.connect(plastic.s_in_bap)
of_weights, of_spikes = Monitor(), Monitor()
of_weights.probe(plastic.weights, 7)
of_spikes.probe(neuron.s_out, 7)
plastic.run(condition=RunSteps(num_steps=7), run_cfg=CFG)
post = 1 + np.flatnonzero(of_spikes.get_data()["neuron"]["s_out"])
weights = of_weights.get_data()["plastic"]["weights"].ravel()
plastic.stop()
print("post", post)
print("weights", weights.round(2))

# Post after pre at 2; pre after post at 5; and post at 6 after both of pre.
before = 12 + 16 * np.exp(-1 / 10)
after = before - 16 * np.exp(-3 / 10)
last = after + 16 * (np.exp(-5 / 10) + np.exp(-1 / 10))
assert np.allclose(weights, [12, before, before, before, after, last, last], rtol=1e-5), weights

# A rule of three terms for one of each kind of dependency.
rule = Loihi2FLearningRule(
    dw="y0*x1 - 2^-1*x0*w + 3*u1", x1_impulse=16, x1_tau=5, t_epoch=2, rng_seed=1
)
pre, post = spikes(8, 1, 7), spikes(8, 4)
plastic = LearningDense(weights=np.array([[8.0]]), learning_rule=rule)
pre.s_out.connect(plastic.s_in)
post.s_out.connect(plastic.s_in_bap)
found = []
for _ in range(4):
    plastic.run(condition=RunSteps(num_steps=2), run_cfg=CFG)
    found.append(plastic.weights.get().item())
print("x1_tau", plastic.x1_tau.get(), "dw", plastic.dw.get())
plastic.stop()

# Epochs end in steps 2, 4, 6 and 8; u1 is 1 in every second one.
second = 4 + 16 * np.exp(-3 / 5) + 3
assert np.allclose(found, [4, second, second, second / 2 + 3], rtol=1e-5), (found, second)
print("found", np.round(found, 3))

# Output:
# post [2 6]
# weights [12.   26.48 26.48 26.48 14.62 38.81 38.81]
# x1_tau [5.] dw y0*x1 - 2^-1*x0*w + 3*u1
# found [ 4.    15.781 15.781 10.89 ]
