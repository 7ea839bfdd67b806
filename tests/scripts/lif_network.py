"""Two layers of LIF neurons with Dense connections between them, in both precisions."""

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

WEIGHTS = np.array([[1, 2, 3], [1, 0, 0]])
STEPS = 10


def simulate(tag, bias_exp, du):
    lif1 = LIF(shape=(3,), bias_mant=4, bias_exp=bias_exp, vth=10, du=0, dv=0, name="lif1")
    dense = Dense(weights=WEIGHTS, name="dense")
    lif2 = LIF(shape=(2,), vth=10, du=du, dv=0, name="lif2")
    lif1.s_out.connect(dense.s_in)
    dense.a_out.connect(lif2.a_in)
    spikes, voltage = Monitor(), Monitor()
    spikes.probe(lif1.s_out, STEPS)
    voltage.probe(lif2.v, STEPS)
    lif2.run(condition=RunSteps(num_steps=STEPS), run_cfg=Loihi1SimCfg(select_tag=tag))
    print(tag)
    print("spikes at", 1 + np.flatnonzero(spikes.get_data()["lif1"]["s_out"][:, 0]))
    print(voltage.get_data()["lif2"]["v"].T.astype(int))
    print("v", lif2.v.get(), lif2.v.get().dtype, "weights", dense.weights.get().tolist())
    lif2.stop()


simulate("floating_pt", bias_exp=0, du=1)
# Inputs and threshold are shifted left by 6 bits there, and so is the bias.
simulate("fixed_pt", bias_exp=6, du=4095)

# Output:
# floating_pt
# spikes at [3 6 9]
# [[0 0 0 6 6 6 0 0 0 6]
#  [0 0 0 1 1 1 2 2 2 3]]
# v [6. 3.] float64 weights [[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]]
# fixed_pt
# spikes at [3 6 9]
# [[  0   0   0 384 384 384   0   0   0 384]
#  [  0   0   0  64  64  64 128 128 128 192]]
# v [384. 192.] float64 weights [[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]]
