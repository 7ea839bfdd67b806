"""What scripts are told of Loihi chips."""

from __future__ import annotations

import pytest

from lava_torch.core.run_configs import (
    AbstractLoihiSimRunCfg,
    Loihi1HwCfg,
    Loihi1SimCfg,
    Loihi2HwCfg,
    Loihi2SimCfg,
)
from lava_torch.utils import loihi


def test_there_is_none():
    assert not loihi.is_installed() and not loihi.Loihi2.is_loihi2_available
    assert loihi.is_installed("numpy") and not loihi.is_installed("no_such_module")


@pytest.mark.parametrize(
    ("use", "arguments"), [(loihi.use_slurm_host, ()), (loihi.use_ethernet_host, ("10.0.0.1",))]
)
def test_a_host_is_refused(use, arguments):
    with pytest.raises(ImportError, match=rf"{use.__name__}\(\).*only if loihi.is_installed"):
        use(*arguments)


@pytest.mark.parametrize("config", [Loihi1HwCfg, Loihi2HwCfg])
def test_run_configs_of_chips_cannot_be_made(config):
    with pytest.raises(NotImplementedError, match=f"{config.__name__} is for Loihi chips"):
        config(select_tag="fixed_pt", callback_fxs=[])


def test_run_configs_of_simulations_have_one_base():
    assert issubclass(Loihi1SimCfg, AbstractLoihiSimRunCfg)
    assert issubclass(Loihi2SimCfg, AbstractLoihiSimRunCfg)
