"""The closed loop in small: the network keeps the pole up, and it is the network that does it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import lava_torch as lt
from lava_torch.examples import closed_loop


class TestBalance:
    @pytest.mark.parametrize("fixed", [False, True], ids=["floating", "fixed"])
    def test_the_pole_stays_up(self, fixed):
        episode = closed_loop.balance(seed=3, fixed=fixed, limit=200)
        assert episode.moves == 200
        assert np.abs(episode.states[20:, 2]).max() < np.radians(3)
        assert np.abs(episode.states[:, 0]).max() < 1
        assert 0.3 < episode.actions.mean() < 0.7
        assert episode.spikes.shape == (200 * closed_loop.WINDOW, 80)

    def test_an_episode_ends_by_itself(self):
        assert closed_loop.balance(seed=3).moves == closed_loop.MOVES

    def test_not_without_its_weights(self, monkeypatch):
        monkeypatch.setattr(closed_loop, "GAINS", 0 * closed_loop.GAINS)
        episode = closed_loop.balance(seed=3)
        assert episode.moves < 100
        assert len(episode.spikes) == episode.moves * closed_loop.WINDOW

    def test_the_same_again(self):
        first, second = (closed_loop.balance(seed=4, limit=30) for _ in range(2))
        np.testing.assert_array_equal(first.states, second.states)
        np.testing.assert_array_equal(first.spikes, second.spikes)

    def test_loihi_keeps_the_weights(self):
        encoders, _, decoders = closed_loop.weights()
        for weights in encoders, decoders:
            dense = lt.Dense(weights=weights)
            with dense:
                dense.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
                np.testing.assert_array_equal(dense.weights.get(), weights)


class TestMain:
    def test_it_prints_and_draws(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(closed_loop, "at_random", lambda seed: 20 + seed)
        assert closed_loop.main(["--episodes", "1", "--out", str(tmp_path)]) == 0
        assert "spiking network: 500\nat random:       20\n" in capsys.readouterr().out
        assert (tmp_path / "closed_loop.png").stat().st_size > 10_000

    def test_random_pushes_do_not_keep_it_up(self):
        assert max(map(closed_loop.at_random, range(10))) < 150

    def test_without_gymnasium(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "gymnasium", None)
        with pytest.raises(SystemExit, match=r"^closed_loop needs Gymnasium: pip install.*$"):
            closed_loop.main([])
