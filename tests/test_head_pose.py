import numpy as np
import pytest

from swapcast.realtime.head_pose import FOCAL, HEAD, head_pose, likeness


def seen(yaw, pitch, roll, *, distance=55.0, width=1280, height=720, noise=0.0):
    """Project the mean head, turned so (degrees), as a webcam does."""
    a, b, c = np.radians([pitch, yaw, roll])
    down = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    side = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    tilt = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    points = HEAD @ (tilt @ side @ down).T
    flat = points[:, :2] * [1, -1] / (distance - points[:, 2:]) * FOCAL * width
    flat += np.random.default_rng(0).normal(0, noise, flat.shape)
    return (flat + np.array([width / 2, height / 2])).astype(np.float32)


@pytest.mark.parametrize("roll", [-25, 0, 25])
@pytest.mark.parametrize("pitch", [-25, 0, 25])
@pytest.mark.parametrize("yaw", [-50, -20, 0, 20, 50])
def test_it_finds_the_turn_of_a_projected_head(yaw, pitch, roll):
    pose = head_pose(seen(yaw, pitch, roll), 1280, 720)
    np.testing.assert_allclose([pose.yaw, pose.pitch, pose.roll], [yaw, pitch, roll], atol=1.5)


def test_near_and_far_heads_give_the_same_turn_and_the_size_they_are_seen_at():
    for distance in (30, 55, 150):
        pose = head_pose(seen(25, 10, 0, distance=distance), 1280, 720, rounds=8)
        assert abs(pose.yaw - 25) < 1.5
        assert pose.scale == pytest.approx(FOCAL * 1280 / distance, rel=0.05)


def test_landmark_noise_of_a_pixel_turns_it_by_a_degree_at_most():
    poses = [head_pose(seen(20, 5, 0, noise=0), 1280, 720), head_pose(
        seen(20, 5, 0, noise=1.0), 1280, 720)]  # fmt: skip
    assert abs(poses[0].yaw - poses[1].yaw) < 1
    assert abs(poses[0].pitch - poses[1].pitch) < 1


def test_signs_are_those_that_are_stated():
    right, down = head_pose(seen(20, 0, 0), 1280, 720), head_pose(seen(0, 20, 0), 1280, 720)
    tilted = head_pose(seen(0, 0, 20), 1280, 720)
    assert right.yaw > 15
    assert seen(20, 0, 0)[30, 0] > seen(0, 0, 0)[30, 0]
    assert down.pitch > 15
    assert seen(0, 20, 0)[30, 1] > seen(0, 0, 0)[30, 1]
    assert tilted.roll > 15
    assert seen(0, 0, 20)[27, 0] < seen(0, 0, 20)[8, 0]


def test_the_turn_is_a_rotation():
    turn = head_pose(seen(30, -10, 5, noise=2.0), 1280, 720).turn
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize("yaw", [-60, -30, 0, 30, 60])
@pytest.mark.parametrize("pitch", [-25, 0, 25])
def test_landmarks_of_a_turned_head_make_a_face(yaw, pitch):
    assert likeness(seen(yaw, pitch, 30, noise=3.0)) > 0.85
    assert likeness(3 * seen(yaw, pitch, -90) + 40) > 0.85


def test_landmarks_in_a_wrong_order_make_none():
    random, points = np.random.default_rng(1), seen(0, 0, 0)
    for _ in range(200):
        assert likeness(random.permutation(points.ravel()).reshape(68, 2)) < 0.5
        assert likeness(random.permutation(points)) < 0.5
    assert likeness(np.zeros((68, 2), np.float32)) == 0
