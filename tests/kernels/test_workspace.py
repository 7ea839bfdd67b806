"""Memory that is kept, and the product that is made in it."""

from __future__ import annotations

import threading

import pytest
import torch
from torch.nn import functional

from lava_torch.kernels import workspace
from lava_torch.kernels.sequence.product import delayed_product

CPU = torch.device("cpu")
LARGE = (512, 1024)


@pytest.fixture(autouse=True)
def empty_pool(monkeypatch):
    monkeypatch.setattr(workspace, "_free", type(workspace._free)(list))
    monkeypatch.setattr(workspace, "_kept", [0])


def test_a_block_is_used_again_when_nothing_refers_to_it():
    first = workspace.empty(LARGE, torch.float32, CPU)
    place, row = first.data_ptr(), first[3]
    del first
    other = workspace.empty(LARGE, torch.float32, CPU)
    assert other.data_ptr() != place, "a view refers to it"
    row.fill_(7)
    del row
    again = workspace.empty((1023, 512), torch.int32, CPU)
    assert again.data_ptr() == place
    assert again.shape == (1023, 512) and again.dtype == torch.int32 and again.is_contiguous()


def test_no_more_is_kept_than_wanted(monkeypatch):
    monkeypatch.setattr(workspace, "MOST", 5 << 20)
    tensors = [workspace.empty(LARGE, torch.float32, CPU) for _ in range(4)]
    assert len({t.data_ptr() for t in tensors}) == 4
    del tensors
    assert workspace._kept[0] == sum(b.nbytes for bs in workspace._free.values() for _, b in bs)
    assert 0 < workspace._kept[0] <= 5 << 20


def test_what_is_not_used_for_long_is_given_back(monkeypatch):
    monkeypatch.setattr(workspace, "PATIENCE", 10)
    del_me = workspace.empty(LARGE, torch.float32, CPU)
    del del_me
    assert workspace._kept[0] >= 2 << 20
    for _ in range(12):
        workspace.empty((4096, 1024), torch.float32, CPU)
    workspace.empty((8192, 1024), torch.float32, CPU)  # there is no block of this size
    assert [len(blocks) for size, blocks in workspace._free.items() if size < 4 << 20] == [0]


def test_threads_never_share_a_block():
    wrong = []

    def work(number: int) -> None:
        for _ in range(200):
            tensor = workspace.empty(LARGE, torch.float32, CPU)[::64].fill_(number)
            if not bool((tensor == number).all()):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_tensors_are_torchs_own():
    assert workspace.empty((3,), torch.float32, CPU).resize_(5).shape == (5,)


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("size", [(3, 5, 4), (64, 256, 130)], ids=["small", "large"])
def test_a_delayed_product(steps, size):
    batch, m, n = size
    generator = torch.Generator().manual_seed(steps)
    x, weights, first, g = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((steps, batch, m), (n, m), (batch, n), (steps, batch, n))
    )
    found = []
    for product in (
        delayed_product,
        lambda x, w, first: torch.cat([first[None], functional.linear(x[:-1], w)]),
    ):
        a, b = x.clone().requires_grad_(), weights.clone().requires_grad_()
        y = product(a, b, first)
        y.backward(g)
        found.append([y.detach(), a.grad, b.grad])
    for got, want in zip(*found, strict=True):
        torch.testing.assert_close(got, want)


def test_the_gradient_of_its_gradient():
    x = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    first = torch.randn(2, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *a: delayed_product(*a, first), (x, weights))
    assert torch.autograd.gradgradcheck(lambda *a: delayed_product(*a, first), (x, weights))
