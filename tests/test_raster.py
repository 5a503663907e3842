"""Triangle meshes end up in the picture where geometry says they do."""

import time

import naive_raster
import numpy as np
import pytest

from swapcast.kernels.raster import corner_normals, interpolate, rasterise


def empty(height, width):
    return (
        np.full((height, width), np.inf, np.float32),
        np.full((height, width), -1, np.int32),
        np.zeros((height, width, 2), np.float32),
    )


def test_draws_as_the_slow_twin():
    rng = np.random.default_rng(0)
    points = rng.uniform([-6, -6, 1], [26, 22, 9], (40, 3)).astype(np.float32)
    triangles = rng.integers(0, 40, (30, 3)).astype(np.int32)
    depth, index, weights = empty(17, 21)
    rasterise(points, triangles, depth, index, weights)
    true_depth, true_index, true_weights = naive_raster.rasterise(points, triangles, 17, 21)
    same = index == true_index
    assert same.mean() > 0.99  # a centre on an edge may fall to either side
    assert (index[same] >= 0).sum() > 100
    np.testing.assert_allclose(depth[same], true_depth[same], rtol=1e-4)
    np.testing.assert_allclose(weights[same], true_weights[same], atol=1e-4)


def test_leaves_no_gap_between_neighbours():
    points = np.array([[2, 2, 5], [12.5, 2.5, 5], [12, 13, 5], [2.5, 12, 5]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    depth, index, weights = empty(16, 16)
    rasterise(points, triangles, depth, index, weights)
    assert (index[3:12, 3:12] >= 0).all()


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param([[1, 1, 2], [5, 1, 2], [9, 1, 2]], id="without area"),
        pytest.param([[1, 1, -2], [9, 1, 2], [5, 9, 2]], id="behind the eye"),
        pytest.param([[-9, -9, 2], [-5, -9, 2], [-7, -3, 2]], id="beside the picture"),
    ],
)
def test_leaves_out_what_cannot_be_seen(corners):
    depth, index, weights = empty(10, 10)
    one = np.array([[0, 1, 2]], np.int32)
    rasterise(np.array(corners, np.float32), one, depth, index, weights)
    assert (index == -1).all()
    assert np.isinf(depth).all()


def test_attributes_follow_the_pixel():
    points = np.array([[0, 0, 3], [19, 0, 3], [0, 19, 3]], np.float32)
    one = np.array([[0, 1, 2]], np.int32)
    depth, index, weights = empty(20, 20)
    rasterise(points, one, depth, index, weights)
    places = np.full((20, 20, 2), -1, np.float32)
    interpolate(index, weights, one, np.ascontiguousarray(points[:, :2]), places)
    rows, columns = np.nonzero(index == 0)
    np.testing.assert_allclose(places[rows, columns], np.stack([columns, rows], 1), atol=1e-4)
    assert (places[index < 0] == -1).all()


def test_normals_of_a_ball_point_outwards():
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0.2, np.pi - 0.2, 15))
    ball = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], -1)
    points = ball.reshape(-1, 3).astype(np.float32)
    first = (np.arange(14)[:, None] * 25 + np.arange(24)).ravel()
    lower = np.stack([first, first + 25, first + 1], 1)
    upper = np.stack([first + 1, first + 25, first + 26], 1)
    normals = np.zeros_like(points)
    corner_normals(points, np.concatenate([lower, upper]).astype(np.int32), normals)
    inner = (normals * points).sum(1).reshape(15, 25)[1:-1, 1:-1]
    assert inner.min() > 0.98


def test_draws_a_head_sized_mesh_sixty_times_a_second():
    u, v = np.meshgrid(np.linspace(20, 236, 160), np.linspace(20, 236, 160))
    points = np.stack([u, v, 60 + 5 * np.sin(u / 40)], -1).reshape(-1, 3).astype(np.float32)
    first = (np.arange(159)[:, None] * 160 + np.arange(159)).ravel()
    lower = np.stack([first, first + 160, first + 1], 1)
    upper = np.stack([first + 1, first + 160, first + 161], 1)
    triangles = np.concatenate([lower, upper]).astype(np.int32)
    took = []
    for _ in range(10):
        buffers = empty(256, 256)
        before = time.thread_time()
        rasterise(points, triangles, *buffers)
        took.append(time.thread_time() - before)
    assert min(took) < 1 / 60
