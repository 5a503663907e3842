"""What a face does, read off drawn faces that do one thing at a time."""

import numpy as np

from swapcast.models.attributes import MIRRORED, NAMES, measure

SIDE = 128


def drawn_points(yaw=0.0, mouth=0.0, smile=0.0, eyes=1.0, pitch=0.0):
    """Return the 68 points of a plain face in a crop; the numbers move its parts by pixels."""
    points = np.zeros((68, 2), np.float32)
    angle = np.linspace(np.pi, 0, 17)
    points[:17] = np.stack([64 + 45 * np.cos(angle), 60 + 50 * np.sin(angle)], 1)
    points[17:27, 0], points[17:27, 1] = np.linspace(30, 98, 10), 38
    points[27:36] = (64 + yaw, 76 + pitch)
    ring = np.array([[-8, 0], [-4, -3], [4, -3], [8, 0], [4, 3], [-4, 3]], np.float32)
    for start, x in ((36, 44), (42, 84)):
        points[start : start + 6] = ring * (1, eyes) + (x, 52)
    around = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    points[48:60, 0] = 64 + (16 + smile) * np.cos(around)
    points[48:60, 1] = 96 - 4 * np.sin(around)
    points[60:68] = (64, 96)
    points[61:64, 1] -= mouth / 2
    points[65:68, 1] += mouth / 2
    return points


def read(points, image=None):
    image = np.full((SIDE, SIDE, 3), 120, np.uint8) if image is None else image
    return dict(zip(NAMES, measure(points[None], image[None])[0], strict=True))


def test_each_number_grows_with_what_it_names_and_nothing_else_moves():
    plain = read(drawn_points())
    for name, changed in (
        ("yaw", drawn_points(yaw=6)),
        ("mouth", drawn_points(mouth=9)),
        ("smile", drawn_points(smile=4)),
        ("eyes", drawn_points(eyes=1.5)),
        ("pitch", drawn_points(pitch=4)),
    ):
        seen = read(changed)
        assert seen[name] > plain[name] + 0.05, name
        others = [abs(seen[other] - plain[other]) for other in NAMES if other != name]
        assert max(others) < 1e-3, name


def test_light_from_the_right_and_from_above():
    ramp = np.linspace(60, 200, SIDE).astype(np.uint8)
    from_right = np.repeat(np.repeat(ramp[None, :, None], SIDE, 0), 3, 2)
    from_above = from_right.transpose(1, 0, 2)[::-1]
    points = drawn_points()
    assert read(points, from_right)["light_side"] > 0.1
    assert abs(read(points, from_right)["light_top"]) < 0.02
    assert read(points, from_above)["light_top"] > 0.1
    assert abs(read(points, from_above)["light_side"]) < 0.02


def test_a_mirror_turns_the_signs_that_it_should():
    points = drawn_points(yaw=5, mouth=4)
    ramp = np.linspace(60, 200, SIDE).astype(np.uint8)
    image = np.repeat(np.repeat(ramp[None, :, None], SIDE, 0), 3, 2)
    order = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)]
    order += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    order += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    mirrored = points[order] * (-1, 1) + (SIDE - 1, 0)
    seen = measure(
        np.stack([points, mirrored.astype(np.float32)]), np.stack([image, image[:, ::-1]])
    )
    np.testing.assert_allclose(seen[1], seen[0] * MIRRORED, atol=0.02)


def test_the_size_of_the_face_does_not_matter():
    points = drawn_points(yaw=5, mouth=4, smile=2)
    large = np.full((2 * SIDE, 2 * SIDE, 3), 120, np.uint8)
    small = measure(points[None], large[None, :SIDE, :SIDE])
    np.testing.assert_allclose(measure(2 * points[None], large[None]), small, atol=1e-5)
