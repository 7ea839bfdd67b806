"""The demo, in small: every station of it on real digits."""

from __future__ import annotations

import re

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lava_torch.examples import digits


def test_spikes_carry_the_pixels() -> None:
    pixels = torch.arange(17.0).reshape(1, 17)
    spikes = digits.encode(pixels)
    assert spikes.shape == (digits.STEPS, 1, 17)
    assert torch.equal(spikes.sum(dim=0), pixels)
    assert set(spikes.unique().tolist()) == {0, 1}
    assert not spikes[digits.PIXEL_MAX :].any()


def test_demo(tmp_path, capsys) -> None:
    small = ["--epochs", "6", "--quantized-epochs", "1", "--hidden", "64"]
    assert digits.main([*small, "--logdir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    floating, quantized, deployed = (float(x) for x in re.findall(r"([\d.]+)%", out))
    assert floating > 80
    assert quantized == deployed > 80
    assert "agree on 450 of 450" in out
    assert (tmp_path / "digit.png").stat().st_size > 10_000
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = events.Tags()
    assert {"floating point/loss", "quantized/accuracy", "hidden.v/0"} <= set(tags["scalars"])
    assert len(events.Scalars("hidden.v/0")) >= 20
    assert tags["images"] == ["hidden.s_out/raster"]
