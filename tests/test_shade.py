"""What the drawing kernels do, held against slow twins."""

import naive_shade
import numpy as np
import pytest

from swapcast.kernels.light import light_corners, shade_sheet
from swapcast.kernels.place import between, move, project, turn
from swapcast.kernels.raster import corner_normals
from swapcast.kernels.shade import INSIDE, NOTHING, classify, shade


def floats(rng, *shape, low=0.0, high=1.0):
    return rng.uniform(low, high, shape).astype(np.float32)


def scene_of(rng, height, width, samples):
    """Return a scene in which every sample shows any part of any triangle."""
    fine = (height * samples, width * samples)
    weights = rng.dirichlet([1, 1, 1], fine)[..., :2].astype(np.float32)
    unit = floats(rng, 2, 3, low=-1)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    eyes = np.concatenate([floats(rng, 2, 3, low=-1), unit, unit, np.full((2, 1), 0.44)], 1)
    return {
        "index": rng.integers(0, 9, fine).astype(np.int32),
        "weights": weights,
        "kind": rng.choice([0, 0, 0, 1, 2, 3, 4, 5, INSIDE, NOTHING], fine).astype(np.uint8),
        "triangles": rng.integers(0, 12, (9, 3)).astype(np.int32),
        "uv_triangles": rng.integers(0, 15, (9, 3)).astype(np.int32),
        "uv": floats(rng, 15, 2, low=-3, high=40),
        "lit": floats(rng, 12, 4),
        "vertices": floats(rng, 12, 3, low=-3, high=3),
        "texture": floats(rng, 33, 33, 3),
        "shares": floats(rng, 33, 33, 3),
        "eyes": eyes.astype(np.float32),
        "colours": floats(rng, 6, 3),
        "limits": np.array([0.3, 1.0], np.float32),
        "dim": floats(rng, *fine),
        "sheet": floats(rng, height, width, 4),
    }


@pytest.mark.parametrize("samples", [1, 2])
def test_shades_as_the_slow_twin(samples):
    rng = np.random.default_rng(samples)
    scene, canvas = scene_of(rng, 11, 13, samples), floats(rng, 11, 13, 3)
    wanted, masks = naive_shade.shade(scene, samples, canvas)
    out = np.full((11, 13, 2), np.nan, np.float32)
    shade(*scene.values(), samples, canvas, out)
    np.testing.assert_allclose(canvas, wanted, atol=2e-3)
    np.testing.assert_allclose(out, masks, atol=1e-4)


def test_lights_corners_as_the_slow_twin():
    rng = np.random.default_rng(3)
    points = floats(rng, 40, 3, low=-5, high=5)
    triangles = rng.integers(0, 40, (60, 3)).astype(np.int32)
    coefficients = floats(rng, 9, 3, low=-0.5, high=1)
    normals, out = np.empty_like(points), np.empty((40, 4), np.float32)
    light_corners(points, triangles, coefficients, normals, out)
    true = np.empty_like(points)
    corner_normals(points, triangles, true)
    np.testing.assert_array_equal(normals, true)
    wanted = naive_shade.light_corners(points.astype(float), true.astype(float), coefficients)
    np.testing.assert_allclose(out, wanted, atol=1e-4)


def test_the_sheet_is_sampled_as_the_slow_twin_does():
    rng = np.random.default_rng(4)
    index = rng.integers(-1, 5, (9, 10)).astype(np.int32)
    weights = rng.dirichlet([1, 1, 1], (9, 10))[..., :2].astype(np.float32)
    triangles = rng.integers(0, 8, (5, 3)).astype(np.int32)
    places, ratio = floats(rng, 8, 2, low=-2, high=25), floats(rng, 8, 3, high=2)
    picture = rng.integers(0, 256, (20, 22, 4), np.uint8)
    out = np.full((9, 10, 4), np.nan, np.float32)
    shade_sheet(index, weights, triangles, places, ratio, picture, out)
    for y, x in np.ndindex(9, 10):
        wanted = np.zeros(4)
        if index[y, x] >= 0:
            corners = triangles[index[y, x]]
            shares = np.array([*weights[y, x], 1 - weights[y, x].sum()])
            wanted = naive_shade.bilinear(picture / 255, *(shares @ places[corners]))
            wanted[:3] = wanted[:3] ** 2 * (shares @ ratio[corners])
        np.testing.assert_allclose(out[y, x], wanted, atol=1e-3)


def test_only_the_mouth_is_hollow():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    vertices = np.concatenate(
        [vertices, vertices + np.array([9, 0, 0]), vertices - np.array([0, 0, 3])]
    )
    vertices = vertices.astype(np.float32)
    triangles = np.arange(9, dtype=np.int32).reshape(3, 3)
    index = np.array([[0, 1, 2, -1]], np.int32)
    weights = np.full((1, 4, 2), 0.3, np.float32)
    lip, part = np.zeros(3, np.float32), np.zeros(3, np.uint8)
    for away, wanted in ((1, [INSIDE, 0, INSIDE, NOTHING]), (-1, [0, 0, INSIDE, NOTHING])):
        kind = np.empty((1, 4), np.uint8)
        lit = np.full((9, 4), away, np.float32)
        classify(index, weights, triangles, part, lit, vertices, lip, 1, kind)
        assert kind.tolist() == [wanted]


def test_places_corners_as_matrices_do():
    rng = np.random.default_rng(5)
    points, others = floats(rng, 30, 3, low=-5, high=5), floats(rng, 30, 3)
    movements, strengths = floats(rng, 6, 30, 3), floats(rng, 6)
    strengths[2] = 0
    out = np.empty_like(points)
    move(points, movements, strengths, out)
    np.testing.assert_allclose(out, points + np.tensordot(strengths, movements, 1), atol=1e-5)
    matrix, shift = floats(rng, 3, 3), floats(rng, 3, high=40)
    turn(points, matrix, shift, out)
    np.testing.assert_allclose(out, points @ matrix.T + shift, atol=1e-4)
    crop, flat = floats(rng, 2, 3), np.empty_like(points)
    out[:, 2] = np.abs(out[:, 2]) + 20
    project(out, 300.0, crop, flat)
    plain = out[:, :2] / out[:, 2:] * 300
    np.testing.assert_allclose(flat[:, :2], plain @ crop[:, :2].T + crop[:, 2], atol=1e-3)
    np.testing.assert_array_equal(flat[:, 2], out[:, 2])
    share, moved = floats(rng, 30, 1), points.copy()
    between(moved, others, share)
    np.testing.assert_allclose(moved, points + share * (others - points), atol=1e-5)
