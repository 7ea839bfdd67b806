"""Calling an equation: layouts, results, devices, dtypes, and the body that is taken."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from equation_cases import CASES, assert_agree, lif

from lava_torch.kernels.equation import Equation, equation, layout, spike

F32, F64, I32 = torch.float32, torch.float64, torch.int32


@equation
def scaled_sum(a, b, c):
    return a * b + c, a > b


def expected(a, b, c):
    shape = torch.broadcast_shapes(a.shape, b.shape, c.shape)
    return (a * b + c).expand(shape), (a > b).expand(shape)


SHAPES = {
    "flat": ((5,), (5,), (5,)),
    "scalars": ((), (1,), (1, 1)),
    "scalar and full": ((7,), (), (1,)),
    "row": ((3, 5), (5,), ()),
    "row with ones before it": ((3, 5), (1, 5), (1, 1, 5)),
    "row of two dimensions": ((2, 3, 5), (3, 5), (5,)),
    "column": ((3, 5), (3, 1), (5,)),
    "outer product": ((3, 1), (1, 5), ()),
    "batch of one": ((1, 5), (5,), (1, 5)),
    "batch of single neurons": ((4, 1), (1,), (4, 1)),
    "leading dimension in the middle": ((2, 1, 5), (3, 1), (2, 3, 5)),
    "empty": ((0,), (), (0,)),
    "empty row": ((3, 0), (0,), ()),
    "empty batch": ((0, 5), (5,), ()),
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_arguments_broadcast(shapes, backend):
    inputs = [torch.randn(s) for s in shapes]
    results = scaled_sum.body(backend)(*inputs)
    for got, want in zip(results, expected(*inputs), strict=True):
        assert torch.equal(got, want) and got.is_contiguous()


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_arguments_may_be_strided(backend):
    a, b = torch.randn(5, 3).t(), torch.randn(10)[::2]
    c = torch.randn(5).expand(3, 5)
    for got, want in zip(scaled_sum.body(backend)(a, b, c), expected(a, b, c), strict=True):
        assert torch.equal(got, want)


def test_layouts_share_what_a_batch_shares():
    inputs = [torch.zeros(s) for s in ((4, 6), (6,), ())]
    plan = layout.plan("f", ("a", "b", "c"), inputs)
    assert plan.layouts == ("full", "row", "scalar")
    assert (plan.batch, plan.size, plan.shape) == (4, 6, (4, 6))


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("dtype", [F32, F64, I32], ids=str)
def test_bool_and_uint8_are_cast(backend, dtype):
    a = torch.tensor([True, False, True])
    b = torch.tensor([200, 3, 255], dtype=torch.uint8)
    c = torch.tensor([1, 2, 3], dtype=dtype)
    total, above = scaled_sum.body(backend)(a, b, c)
    assert total.dtype == dtype and total.tolist() == [201, 2, 258]
    assert above.tolist() == [False, False, False]


def test_apply_takes_the_torch_body_where_a_gradient_is_recorded():
    x = torch.randn(3, requires_grad=True)
    total, _ = scaled_sum.apply(x, torch.ones(()), torch.ones(3))
    assert total.requires_grad
    with torch.no_grad():
        assert not scaled_sum.apply(x, torch.ones(()), torch.ones(3))[0].requires_grad
    with torch.inference_mode():
        scaled_sum.apply(x, torch.ones(()), torch.ones(3))


def test_results_that_depend_on_no_element_are_of_full_shape():
    eq = Equation(lambda x, k: (k * 2, 1, True, x > k), arguments=("x", "k"))
    for backend in ("torch", "numba"):
        results = eq.body(backend)(torch.zeros(2, 3), torch.tensor(4.0))
        assert [r.dtype for r in results] == [F32, F32, torch.bool, torch.bool]
        assert [r.unique().tolist() for r in results] == [[8], [1], [True], [False]]
        assert all(r.shape == (2, 3) and r.is_contiguous() for r in results)


@pytest.mark.parametrize("spikes", [F32, torch.uint8, torch.bool], ids=str)
@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("batch", [None, 3])
def test_out_in_place(backend, spikes, batch):
    inputs = CASES["lif"].inputs(F32, 33, batch)
    want = lif.body("torch")(*inputs)
    out = (torch.ones(want[0].shape, dtype=spikes), inputs[1], inputs[2])
    got = lif.body(backend)(*inputs, out=out)
    assert all(g is o for g, o in zip(got, out, strict=True))
    assert torch.equal(got[0], want[0].to(spikes))
    assert torch.equal(inputs[1], want[1]) and torch.equal(inputs[2], want[2])


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_out_may_be_swapped_arguments_or_left_out(backend):
    swap = Equation(lambda a, b: (b, a, a + b), arguments=("a", "b"))
    a, b = torch.arange(5.0), torch.arange(5.0) * 10
    first, second = a.clone(), b.clone()
    total = swap.body(backend)(a, b, out=(a, b, None))[2]
    assert torch.equal(a, second) and torch.equal(b, first) and torch.equal(total, first + second)


def test_out_of_one_element_may_be_a_scalar_argument():
    eq = Equation(lambda a, b: (a + b, a - b), arguments=("a", "b"))
    a, b = torch.tensor([3.0]), torch.tensor([1.0])
    eq.body("numba")(a, b.view(()), out=(a, b))
    assert (a.item(), b.item()) == (4, 2)


ones = torch.ones(2, 4)
BAD_OUT = {
    "count": ((ones,), ValueError, "has 2 results; out holds 1"),
    "shape": ((torch.ones(4), None), ValueError, r"contiguous tensor of shape \(2, 4\)"),
    "strides": ((torch.ones(4, 2).t(), None), ValueError, r"strides \(1, 2\)"),
    "dtype": ((ones.double(), None), TypeError, r"out\[0\] is torch.float64; give torch.float32\."),
    "small dtype of a number": ((ones.bool(), None), TypeError, r"out\[0\] is torch.bool"),
    "dtype of a condition": ((None, ones.int()), TypeError, r"\(or bool, uint8\)"),
    "overlap of results": ((ones, ones), ValueError, r"out\[1\] overlaps another result"),
}


@pytest.mark.parametrize("out, error, message", BAD_OUT.values(), ids=BAD_OUT)
@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_out_that_does_not_fit(out, error, message, backend):
    with pytest.raises(error, match=message):
        scaled_sum.body(backend)(torch.zeros(2, 4), torch.zeros(()), torch.zeros(4), out=out)


def test_out_that_overlaps_an_argument_elsewhere():
    memory = torch.zeros(3, 4)
    message = r"out\[0\] overlaps argument '{}' without being the same elements"
    with pytest.raises(ValueError, match=message.format("a")):
        scaled_sum.apply(memory[:2], torch.zeros(()), torch.zeros(4), out=(memory[1:], None))
    with pytest.raises(ValueError, match=message.format("c")):
        scaled_sum.apply(torch.zeros(2, 4), torch.zeros(()), memory[0], out=(memory[:2], None))


def test_out_while_a_gradient_is_recorded():
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="out= cannot be written to while a gradient"):
        scaled_sum.apply(x, x, x, out=(torch.zeros(3), None))


BAD = {
    "count": ((ones, ones), TypeError, r"takes 3 arguments \(a, b, c\), got 2"),
    "number": ((ones, 2.0, ones), TypeError, "argument 'b' is a float; pass a tensor"),
    "int64": ((ones, ones, ones.long()), TypeError, "argument 'c' is torch.int64; give float32"),
    "float16": ((ones.half(),) * 3, TypeError, "argument 'a' is torch.float16; give float32"),
    "bfloat16": ((ones.bfloat16(),) * 3, TypeError, "argument 'a' is torch.bfloat16"),
    "mixed": ((ones, ones.double(), ones), TypeError, "'b' is torch.float64 but 'a' is torch.flo"),
    "only bool": ((ones.bool(),) * 3, TypeError, "no argument of a compute dtype"),
    "shapes": ((ones, torch.ones(3), ones), ValueError, r"a \(2, 4\), b \(3,\), c \(2, 4\)"),
    "devices": ((ones, ones.to("meta"), ones), ValueError, "'b' is on meta, 'a' is on cpu"),
    "meta": ((ones.to("meta"),) * 3, ValueError, "has no body for meta, only for cpu and cuda"),
}


@pytest.mark.parametrize("inputs, error, message", BAD.values(), ids=BAD)
def test_arguments_that_do_not_fit(inputs, error, message):
    with pytest.raises(error, match=message) as caught:
        scaled_sum.apply(*inputs)
    assert "equation 'scaled_sum'" in str(caught.value)


def test_body_never_changes_the_backend():
    with pytest.raises(ValueError, match="no backend 'cuda'; give torch, numba or triton"):
        scaled_sum.body("cuda")
    with pytest.raises(RuntimeError, match="numba body has no gradient"):
        scaled_sum.body("numba")(*[torch.ones(2, requires_grad=True)] * 3)
    with pytest.raises(ValueError, match="numba body takes CPU tensors, not meta"):
        scaled_sum.body("numba")(*[ones.to("meta")] * 3)
    pytest.importorskip("triton")
    with pytest.raises(ValueError, match="Triton body takes CUDA tensors, not cpu; set TRITON_IN"):
        scaled_sum.body("triton")(ones, ones, ones)


def test_compiled_bodies_are_shared_between_calls():
    eq = Equation(lambda x, y: x + y, arguments=("x", "y"))
    for size in (3, 4, 5):
        eq.apply(torch.ones(2, size), torch.ones(size))
    graph = eq.trace(F32)
    assert len(graph.bodies) == 1
    (body,) = graph.bodies.values()
    assert len(body.signatures) == 1


def test_equations_are_copied_and_pickled_as_functions_are():
    assert copy.deepcopy({"eq": lif})["eq"] is lif
    assert pickle.loads(pickle.dumps(lif)) is lif


def test_spikes_of_one_equation_are_arguments_of_another():
    fire = Equation(lambda v: (spike(v - 1), v), arguments=("v",))
    count = Equation(lambda n, s: n + s, arguments=("n", "s"))
    v = torch.tensor([0.5, 1.5])
    spikes = torch.zeros(2, dtype=torch.uint8)
    fire.apply(v, out=(spikes, None))
    assert_agree(CASES["lif"], count.apply(torch.ones(2), spikes), (torch.tensor([1.0, 2.0]),))
