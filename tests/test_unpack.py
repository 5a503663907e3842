"""What cameras pack is taken apart exactly, for every size they send."""

import naive_unpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcast.kernels.unpack import split_pairs, unpack_yuyv

sizes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 5), st.integers(0, 99))


@settings(max_examples=60, deadline=None)
@given(sizes)
def test_yuyv_like_its_twin(size):
    height, pairs, padding, seed = size
    random = np.random.default_rng(seed)
    packed = random.integers(0, 256, (height, 4 * pairs + padding), np.uint8)
    y = np.empty((height, 2 * pairs), np.uint8)
    u, v = (np.empty(((height + 1) // 2, pairs), np.uint8) for _ in range(2))
    unpack_yuyv(packed, y, u, v)
    for made, wanted in zip((y, u, v), naive_unpack.unpack_yuyv(packed, 2 * pairs), strict=True):
        np.testing.assert_array_equal(made, wanted)


@settings(max_examples=40, deadline=None)
@given(sizes)
def test_nv12_like_its_twin(size):
    rows, columns, padding, seed = size
    pairs = np.random.default_rng(seed).integers(0, 256, (rows, 2 * columns + padding), np.uint8)
    u, v = (np.empty((rows, columns), np.uint8) for _ in range(2))
    split_pairs(pairs, u, v)
    for made, wanted in zip((u, v), naive_unpack.split_pairs(pairs, columns), strict=True):
        np.testing.assert_array_equal(made, wanted)


def test_other_types_are_refused_at_once():
    plane = np.zeros((4, 4), np.uint8)
    with pytest.raises(TypeError):
        split_pairs(plane.astype(np.int16), plane, plane)
