"""The same network on a GPU: equal bit by bit in fixed point, closely in floating point."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("batch", [None, 3], ids=["single", "batch"])
def test_fixed_point_equals_the_cpu(make_chain, batch) -> None:
    seen = []
    for device in ("cpu", "cuda"):
        chain = make_chain(fixed=True, n=300, m=200, steps=50)
        monitor = lt.Monitor()
        monitor.probe(chain.lif.v, 50)
        chain.lif.run(lt.RunSteps(50), run_cfg=chain.cfg(device=device, batch_size=batch))
        seen.append((monitor.get_data()["lif"]["v"], chain.sink.data.get()))
    for cpu, gpu in zip(*seen, strict=True):
        assert cpu.any()
        np.testing.assert_array_equal(cpu, gpu)


def test_floating_point_is_close(make_chain) -> None:
    results = []
    for device in ("cpu", "cuda"):
        chain = make_chain(n=30, m=20, steps=30)
        chain.lif.run(lt.RunSteps(30), run_cfg=chain.cfg(device=device, dtype="float64"))
        results.append(chain.lif.u.get())
    np.testing.assert_allclose(*results, rtol=1e-10)


def test_gradients_are_close(make_chain) -> None:
    grads = []
    for device in ("cpu", "cuda"):
        chain = make_chain()
        cfg = chain.cfg(device=device, dtype="float64", trainable=True)
        network = lt.compile(chain.lif, cfg)
        network(steps=20)["sink"].sum().backward()
        grads.append(network.dense.weights.grad.cpu())
    torch.testing.assert_close(*grads)


def test_moving_between_runs(make_chain) -> None:
    chain, whole = make_chain(fixed=True), make_chain(fixed=True)
    whole.lif.run(lt.RunSteps(20), run_cfg=whole.cfg())
    chain.lif.run(lt.RunSteps(7), run_cfg=chain.cfg())
    chain.lif.runtime.network.to("cuda")
    chain.lif.run(lt.RunSteps(7))
    chain.lif.runtime.network.to("cpu")
    chain.lif.run(lt.RunSteps(6))
    np.testing.assert_array_equal(chain.sink.data.get(), whole.sink.data.get())


def test_equations_run_in_triton(make_chain) -> None:
    from lava_torch.kernels.equation import equations

    for equation in equations():
        for dtype in (torch.float32, torch.int32):
            try:
                equation.trace(dtype)
            except lt.EquationError:
                continue
            values = [torch.randint(-5, 5, (257,)).to(dtype) for _ in equation.arguments]
            cpu = equation.apply(*values)
            gpu = equation.apply(*(v.cuda() for v in values))
            for a, b in zip(cpu, gpu, strict=True):
                torch.testing.assert_close(a, b.cpu(), msg=equation.name)
