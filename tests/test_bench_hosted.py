"""The benchmark of numpy models: what it compares computes the same."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from bench_cases import arguments

import lava_torch as lt
from lava_torch.bench import hosted

ARGV = ["hosted", "--n", "6", "--steps", "12", "--repeats", "2"]


def test_a_row_for_each_size_and_network():
    rows = hosted.run(arguments([*ARGV[:2], "4", *ARGV[2:]]))
    found = [(row.case["n"], row.case["network"], *row.timings) for row in rows]
    assert found == [
        (n, *names)
        for n in (4, 6)
        for names in (("chain", lt.bench.report.OURS, "plain calls"),
                      ("mixed", lt.bench.report.OURS, "compiled alone"))
    ]  # fmt: skip


def test_the_chain_does_what_the_calls_do():
    args = arguments(ARGV)
    ours, calls = (make(4, 12, args) for make in (hosted.Chain, hosted.Calls))
    ours.start(), calls.start()
    ours.run(), calls.run()
    for counter, v in zip(ours.counters, calls.v, strict=True):
        np.testing.assert_array_equal(counter.v.get(), v)
    ours.close()


@pytest.mark.parametrize("is_hosted", [True, False])
def test_neurons_spike_either_way(is_hosted):
    run = partial(hosted.Compiled, 4, 100, arguments(ARGV))(hosted=is_hosted)
    run.start()
    run.run()
    network = run.process.runtime.network
    assert (network.hosting is not None) == is_hosted
    if is_hosted:
        (model,) = network.hosting.models.values()
        assert model.get_var("v").sum() > 4 * 100  # more than the ones that it adds itself
    run.close()
