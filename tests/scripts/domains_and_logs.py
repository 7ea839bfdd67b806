"""Synchronization domains that a run config names, and logs in a file."""

import logging
import os
import tempfile

from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.process import AbstractProcess, LogConfig
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg, RunConfig
from lava.magma.core.sync.domain import SyncDomain
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Simple(AbstractProcess):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.u = Var(shape=kwargs["shape"], init=kwargs.pop("start", 0))
        self.log.info("made with shape %s", kwargs["shape"])


@implements(proc=Simple, protocol=LoihiProtocol)
@requires(CPU)
class SimpleModel(PyLoihiProcessModel):
    u: int = LavaPyType(int, int)

    def run_spk(self):
        self.u = self.u + 1


class SimpleRunConfig(RunConfig):
    def __init__(self, **kwargs):
        sync_domains = kwargs.pop("sync_domains")
        super().__init__(custom_sync_domains=sync_domains)

    def select(self, process, proc_models):
        return proc_models[0]


with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "simple.log")
    log_config = LogConfig(
        file=file, level=logging.INFO, level_console=logging.CRITICAL, logs_to_file=True
    )
    process = Simple(shape=(2, 2), name="logged", log_config=log_config)
    domain = SyncDomain("simple", LoihiProtocol(), [process])
    process.run(RunSteps(num_steps=10), SimpleRunConfig(sync_domains=[domain]))
    process.run(RunSteps(num_steps=5))
    print(domain.name, process.u.get().tolist())
    process.stop()
    with open(file) as lines:
        print([line.strip().endswith("made with shape (2, 2)") for line in lines])

print(process.proc_params["log_config"].level == logging.INFO, process.name)
other = Simple(shape=(1,))
other.run(
    condition=RunSteps(num_steps=3),
    run_cfg=Loihi1SimCfg(custom_sync_domains=[SyncDomain("other", LoihiProtocol(), [other])]),
)
print(other.u.get(), other.name == f"Process_{other.id}")
other.stop()
try:
    LogConfig(logs_to_file=True)
except ValueError:
    print("a file is needed")
try:
    SimpleRunConfig(sync_domains=["simple"])
except AssertionError:
    print("SyncDomains are needed")

# Output:
# simple [[15.0, 15.0], [15.0, 15.0]]
# [True]
# True logged
# [3.] True
# a file is needed
# SyncDomains are needed
