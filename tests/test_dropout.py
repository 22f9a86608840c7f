"""FastDropout is dropout: the right share, the right scale, independent masks, and the mask's own gradient."""

from itertools import pairwise

import pytest
import torch

from sklearn_ncf.nn import FastDropout

N = 400_000
SIGMAS = 5  # a correct dropout fails one of these tests less than once in a million seeds; the seeds are fixed


def masks(p, n=N, seed=0, shape=None):
    torch.manual_seed(seed)
    return FastDropout(p).train()(torch.ones(shape or n))


@pytest.mark.parametrize("p", [0.05, 0.1, 0.3, 0.5, 0.75, 0.95])
def test_share_of_dropped_components_is_p_to_a_256th(p):
    dropped = (masks(p) == 0).double().mean().item()
    expected = 1 - round((1 - p) * 256) / 256
    assert abs(expected - p) <= 1 / 512
    assert abs(dropped - expected) < SIGMAS * (expected * (1 - expected) / N) ** 0.5


@pytest.mark.parametrize("p", [0.001, 0.003, 0.998, 0.9999])
def test_shares_too_fine_for_a_byte_are_kept_too(p):
    dropped = (masks(p) == 0).double().mean().item()
    assert abs(dropped - p) < SIGMAS * (p * (1 - p) / N) ** 0.5


@pytest.mark.parametrize("p", [0.001, 0.05, 0.3, 0.5, 0.95])
def test_expectation_is_kept_and_kept_components_have_one_scale(p):
    kept = masks(p)
    scales = kept[kept > 0].unique()
    assert len(scales) == 1
    share = 1 / scales.item()
    assert abs(kept.double().mean().item() - 1) < SIGMAS * ((1 - share) / share / N) ** 0.5


@pytest.mark.parametrize(("p", "n_in_integer"), [(0.3, 8), (13 / 16, 16), (0.25, 32), (0.5, 64)])
def test_every_part_of_the_random_numbers_drops_alike(p, n_in_integer):
    dropped = (masks(p).view(-1, n_in_integer) == 0).double().mean(dim=0)
    expected = 1 - round((1 - p) * 256) / 256
    assert (dropped - expected).abs().max().item() < SIGMAS * (p * (1 - p) / (N / n_in_integer)) ** 0.5


def correlation(first, second):
    return torch.corrcoef(torch.stack([(first > 0).double(), (second > 0).double()]))[0, 1].abs().item()


@pytest.mark.parametrize("p", [0.4, 0.5, 0.75, 3 / 16])
def test_masks_of_other_seeds_calls_and_neighbours_are_independent(p):
    bound = SIGMAS / N**0.5
    mask = masks(p)
    assert correlation(mask, masks(p, seed=1)) < bound
    again = FastDropout(p).train()(torch.ones(N))  # the same generator, further on
    assert correlation(mask, again) < bound
    for lag in (1, 2, 4, 7, 8, 9, 64):
        assert correlation(mask[lag:], mask[:-lag]) < bound


def test_masks_drawn_ahead_are_used_once_each():
    torch.manual_seed(0)
    dropout = FastDropout(0.4).train()
    calls = [dropout(torch.ones(n)) for n in [1000, 999] * 50]  # several draws, with a rest too short for a call
    assert all(not torch.equal(first[:999], second[:999]) for first, second in pairwise(calls))
    mask = torch.cat(calls)
    bound = SIGMAS / len(mask) ** 0.5
    assert abs((mask == 0).double().mean().item() - 102 / 256) < SIGMAS * (0.4 * 0.6 / len(mask)) ** 0.5
    for lag in (1, 999, 1000, 1999, 16_000):
        assert correlation(mask[lag:], mask[:-lag]) < bound


def test_evaluation_forgets_masks_drawn_ahead():
    dropout = FastDropout(0.4).train()
    dropout(torch.ones(1000))
    dropout.eval().train()
    torch.manual_seed(0)
    assert torch.equal(dropout(torch.ones(1000)), masks(0.4, n=1000))


def test_another_dtype_keeps_its_own():
    dropout = FastDropout(0.4).train()
    assert dropout(torch.ones(100)).dtype == torch.float32
    assert dropout(torch.ones(100, dtype=torch.float64)).dtype == torch.float64


def test_equal_seeds_give_equal_masks():
    assert torch.equal(masks(0.3), masks(0.3))


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5), (0,), (2, 3, 4)])
def test_any_shape_is_kept(shape):
    assert masks(0.5, shape=shape).shape == shape


def test_gradient_is_the_mask_times_the_scale():
    torch.manual_seed(0)
    x = torch.randn(1000, requires_grad=True)
    dropped = FastDropout(0.3).train()(x)
    upstream = torch.randn(1000)
    dropped.backward(upstream)
    mask = (dropped != 0).float() * 256 / 179
    torch.testing.assert_close(dropped, x * mask)
    torch.testing.assert_close(x.grad, upstream * mask)


def test_evaluation_and_p_of_zero_change_nothing_and_draw_nothing():
    x = torch.randn(100)
    before = torch.get_rng_state()
    assert FastDropout(0.3).eval()(x) is x
    assert FastDropout(0.0).train()(x) is x
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("p", [-0.1, 1.0, 2])
def test_share_out_of_range_is_refused(p):
    with pytest.raises(ValueError, match="must be at least 0 and less than 1"):
        FastDropout(p)
