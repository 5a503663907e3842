"""The kernels around the occlusion network agree with their slow twins."""

import naive_occlusion as naive
import numpy as np
import pytest

from swapcast.kernels.occlusion import bareness, cut_out, hidden_share, shrink


@pytest.mark.parametrize(("size", "small"), [(128, 112), (224, 112), (33, 16), (12, 16), (16, 16)])
def test_a_small_copy_is_made_of_means(size, small):
    crop = np.random.default_rng(0).random((3, size, size)).astype(np.float32)
    out = np.full((3, small, small), np.nan, np.float32)
    shrink(crop, np.empty((small, size), np.float32), out)
    np.testing.assert_allclose(out, naive.shrink(crop, small), atol=2e-5)


@pytest.mark.parametrize(("size", "small"), [(40, 16), (16, 16), (12, 16)])
def test_what_is_bare_is_counted_inside_the_outline(size, small):
    rng = np.random.default_rng(1)
    cover = rng.random((small, small)).astype(np.float32)
    outline = rng.random((size, size)).astype(np.float32)
    bare = np.full((small, small), np.nan, np.float32)
    bareness(cover, 0.35, 0.65, bare)
    np.testing.assert_allclose(bare, naive.bareness(cover, 0.35, 0.65), atol=1e-5)
    wanted = naive.hidden_share(bare, outline, 0.6)
    assert hidden_share(bare, outline, 0.6) == pytest.approx(wanted, abs=1e-5)
    assert hidden_share(bare, np.zeros_like(outline), 0.6) == 0


@pytest.mark.parametrize(("size", "small"), [(128, 112), (224, 112), (12, 16), (16, 16)])
def test_a_mask_is_multiplied_bilinearly(size, small):
    rng = np.random.default_rng(2)
    bare = rng.random((small, small)).astype(np.float32)
    mask = rng.random((size, size)).astype(np.float32)
    wanted = naive.cut_out(bare, mask)
    cut_out(bare, mask)
    np.testing.assert_allclose(mask, wanted, atol=2e-5)
