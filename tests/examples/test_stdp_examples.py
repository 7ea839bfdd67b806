"""The STDP examples in small: what they measure is what they say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lava_torch.examples import reward_stdp, stdp


class TestWindow:
    def test_floating_point_is_the_rule(self):
        window = stdp.measure(12, fixed=False, seeds=range(1))
        assert window.dt.tolist() == [*range(-12, 0), *range(1, 13)]
        np.testing.assert_allclose(window.dw[:, 0], stdp.theory(window.dt), rtol=1e-4)
        assert window.fit(1) == pytest.approx((32, stdp.TAU_PLUS), rel=1e-3)
        assert window.fit(-1) == pytest.approx((-32, stdp.TAU_MINUS), rel=1e-3)

    def test_fixed_point_is_the_rule_on_average(self):
        window = stdp.measure(6, fixed=True, seeds=range(60))
        mean, error = window.dw.mean(1), window.dw.std(1) / np.sqrt(60)
        assert np.all(window.dw == np.trunc(window.dw))
        assert np.all(np.abs(mean - stdp.theory(window.dt)) < 5 * error + 0.05)

    def test_main(self, tmp_path, capsys):
        assert stdp.main(["--seeds", "5", "--out", str(tmp_path)]) == 0
        rows = re.findall(r"(the rule|floating point) +(.*)", capsys.readouterr().out)
        assert rows[0][1] == rows[1][1]
        assert (tmp_path / "stdp.png").stat().st_size > 10_000


class TestReward:
    def test_only_rewarded_synapses_grow(self):
        trial = reward_stdp.learn(turns=30, seed=3)
        assert trial.spikes.sum() > 30  # the neuron spikes in the turns of both groups
        assert trial.change(rewarded=True) > 1
        assert trial.change(rewarded=True) > 3 * abs(trial.change(rewarded=False))

    def test_tags_come_before_the_reward(self):
        trial = reward_stdp.learn(turns=1, seed=3)
        at = reward_stdp.REWARD_AT
        assert trial.tags[at - 5, : reward_stdp.GROUP].mean() > 0.1
        np.testing.assert_array_equal(trial.weights[:at], reward_stdp.START)
        assert trial.weights[-1, : reward_stdp.GROUP].mean() > reward_stdp.START

    def test_main(self, tmp_path, capsys):
        assert reward_stdp.main(["--turns", "10", "--out", str(tmp_path)]) == 0
        assert "not rewarded:  mean weight 2.00 ->" in capsys.readouterr().out
        assert (tmp_path / "reward_stdp.png").stat().st_size > 10_000
