"""People who do not exist: found in a picture, drawn again, moved, lit and recorded."""

import cv2
import numpy as np
import pytest

pytest.importorskip("scipy")

from made_head import made_head, made_person

from swapcast.models.head import Head, load_head
from swapcast.models.head_draw import Act, draw
from swapcast.models.head_fit import Camera, Fit, Pose, fit_head
from swapcast.models.head_light import estimate, lamps, patterns
from swapcast.models.head_render import make_person, open_maker
from swapcast.models.head_skin import fill
from swapcast.models.performance import Limits, perform
from swapcast.models.render_sets import identity_frame, landmark_frame, read_tile


@pytest.fixture(scope="module")
def head(shared) -> Head:
    return load_head(shared / "data" / "head3d" / "ict" / "ict_face_full_f16.npz")


@pytest.fixture(scope="module")
def maker(shared):
    return open_maker(shared / "data")


@pytest.fixture(scope="module")
def person(maker, shared):
    return make_person(maker, read_tile(shared / "data", "0265"))


def project(head: Head, fit: Fit) -> np.ndarray:
    vertices = head.move(head.shape(fit.shape), fit.strengths)
    return fit.camera.project(fit.pose.to_camera(vertices))[head.landmarks, :2]


def test_camera_and_head_axes_are_inverse():
    pose = Pose(0.2, -0.5, 0.1, (1.0, -2.0, 60.0))
    points = np.random.default_rng(0).normal(0, 8, (20, 3)).astype(np.float32)
    np.testing.assert_allclose(pose.to_head(pose.to_camera(points)), points, atol=1e-4)


def test_yaw_turns_the_nose_to_the_pictures_right():
    nose = np.float32([[0, 0, 12]])
    assert Pose(0, 0.4, 0, (0, 0, 60)).to_camera(nose)[0, 0] > 3
    assert Pose(0.4, 0, 0, (0, 0, 60)).to_camera(nose)[0, 1] > 3  # pitch: down


def test_lamps_light_the_side_they_stand_on():
    light = lamps((0.2, 0.2, 0.2), ((-1, 0, 0), (1, 0.5, 0.25)))
    left, right = light.on(np.float32([[-1, 0, 0], [1, 0, 0]]))
    assert left[0] == pytest.approx(1.2, abs=0.1)
    assert right[0] < 0.35
    assert left[0] - 0.2 == pytest.approx(4 * (left[2] - 0.2), rel=0.05)


def test_light_is_found_from_skin():
    rng = np.random.default_rng(1)
    normals = rng.normal(size=(3000, 3)).astype(np.float32)
    normals[:, 2] = -np.abs(normals[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    truth = lamps((0.5, 0.5, 0.5), ((1, -0.3, -0.8), (0.7, 0.7, 0.7)))
    colours = truth.on(normals) * np.float32([0.5, 0.3, 0.2])
    found = estimate(normals, colours, np.ones(3000, np.float32)).on(normals)[:, 0]
    wanted = truth.on(normals)[:, 0]
    assert np.corrcoef(found, wanted)[0, 1] > 0.98
    assert patterns(normals).shape == (3000, 9)


def test_holes_are_filled_from_their_edges():
    picture = np.full((64, 48, 3), 0.7, np.float32)
    known = np.ones((64, 48), np.float32)
    known[20:44, 10:40] = 0
    picture[20:44, 10:40] = 9
    np.testing.assert_allclose(fill(picture, known), 0.7, atol=1e-4)


@pytest.mark.shared
def test_unknown_movements_are_named(head):
    with pytest.raises(ValueError, match="jawOpn"):
        head.strengths({"jawOpn": 1})


def test_a_missing_head_is_one_clear_line(tmp_path):
    with pytest.raises(ValueError, match="no head model"):
        load_head(tmp_path / "none.npz")


@pytest.mark.shared
def test_a_known_head_is_found_again(head):
    rng = np.random.default_rng(2)
    truth = Fit(
        Camera(1.6 * 480, (240.0, 240.0)),
        Pose(0.1, -0.3, 0.05, (1.0, 0.5, 62.0)),
        rng.normal(0, 0.7, 30).astype(np.float32),
        head.strengths({"jawOpen": 0.4, "browInnerUp_L": 0.5}),
        0.0,
    )
    found = fit_head(head, project(head, truth), (480, 480))
    assert found.error < 0.01
    assert abs(found.pose.yaw - truth.pose.yaw) < np.radians(3)
    assert abs(found.strengths[head.names.index("jawOpen")] - 0.4) < 0.2


@pytest.mark.slow  # the person is made from a picture: half a minute
@pytest.mark.shared
def test_the_person_is_drawn_as_in_the_picture(maker, person, shared):
    picture = read_tile(shared / "data", "0265")
    act = Act(person.fit.pose, person.fit.strengths)
    drawn = draw(person, act, person.fit.camera, person.skin.light, picture, samples=1)
    face = drawn.mask > 128
    assert 0.05 < face.mean() < 0.4
    far = np.abs(drawn.image.astype(float) - picture)[face].mean()
    assert far < 16  # of 255
    found = maker.mesh(drawn.image)
    assert found is not None
    eyes = np.linalg.norm(drawn.landmarks[36] - drawn.landmarks[45])
    again = fit_head(maker.head, found[maker.points], (477, 477), maker.vertices)
    miss = np.linalg.norm(project(maker.head, again) - drawn.landmarks, axis=1).mean()
    assert miss < 0.05 * eyes


@pytest.mark.slow  # the person is made from a picture: half a minute
@pytest.mark.shared
def test_the_head_hides_its_far_side_when_it_turns(person):
    side = Pose(0, 1.1, 0, (0.0, 0.0, 60.0))  # to the picture's right: that eye turns away
    room = np.full((160, 160, 3), 90, np.uint8)
    camera = Camera(400, (80.0, 80.0))
    act = Act(side, person.fit.strengths)
    seen = draw(person, act, camera, person.skin.light, room, samples=1).visibility
    assert seen[0:6].all()  # the jaw on the near side
    assert not seen[12:16].any()
    assert seen[36:42].mean() > seen[42:48].mean()


@pytest.mark.slow  # the person is made from a picture: half a minute
@pytest.mark.shared
def test_closing_the_eyes_hides_the_eyeballs(person):
    room = np.full((200, 200, 3), 90, np.uint8)
    camera, pose = Camera(520, (100.0, 100.0)), Pose(0, 0, 0, (0.0, 0.0, 55.0))
    base = np.zeros_like(person.fit.strengths)
    shut = person.head.strengths({"eyeBlink_L": 1, "eyeBlink_R": 1})
    pictures = [draw(person, Act(pose, s), camera, person.skin.light, room) for s in (base, shut)]
    gaps = [np.linalg.norm(p.landmarks[37] - p.landmarks[41]) for p in pictures]
    assert gaps[1] < 0.35 * gaps[0]
    eye = np.rint(pictures[0].landmarks[36:42].mean(0)).astype(int)
    box = np.s_[eye[1] - 3 : eye[1] + 4, eye[0] - 5 : eye[0] + 6]
    contrast = [cv2.cvtColor(p.image[box], cv2.COLOR_RGB2GRAY).std() for p in pictures]
    assert contrast[1] < contrast[0]


@pytest.mark.shared
def test_a_performance_is_smooth_and_repeats(head):
    limits = Limits(0.4, 0.15, 0.1)
    base, place = np.zeros(len(head.names), np.float32), np.float32([0, 0, 60])
    once, again = (list(perform(head, base, place, limits, 150, 30, 7)) for _ in range(2))
    assert all(a.pose == b.pose and a.gaze == b.gaze for a, b in zip(once, again, strict=True))
    yaw = np.array([act.pose.yaw for act in once])
    assert np.abs(yaw).max() <= 0.4
    assert np.abs(np.diff(yaw)).max() < 0.05
    blink = head.names.index("eyeBlink_L")
    assert max(act.strengths[blink] for act in once) > 0.8
    assert max(act.strengths[head.names.index("jawOpen")] for act in once) > 0.15


@pytest.mark.slow  # the person is made from a picture: half a minute
@pytest.mark.shared
def test_training_frames_depend_on_seed_and_number_only(person):
    room = [np.full((300, 300, 3), 120, np.uint8)]
    once, again, other = (identity_frame(person, room, 5, k) for k in (11, 11, 12))
    np.testing.assert_array_equal(once.image, again.image)
    assert not np.array_equal(once.image, other.image)
    eyes = once.landmarks[[36, 39, 42, 45]].reshape(2, 2, 2).mean(1)
    assert 45 < np.linalg.norm(eyes[0] - eyes[1]) < 90
    assert np.abs(once.landmarks.mean(0) - 128).max() < 40


def test_frames_for_landmarks_depend_on_seed_and_number_only():
    person = made_person(made_head(), 1)
    room = [np.full((300, 300, 3), 120, np.uint8)]
    once, again, other = (landmark_frame(person, room, 5, k) for k in (3, 3, 4))
    np.testing.assert_array_equal(once.image, again.image)
    assert not np.array_equal(once.image, other.image)
    assert once.landmarks.shape == (68, 2)
    assert once.mask.max() > 200


@pytest.mark.shared
def test_an_unknown_picture_is_one_clear_line(shared):
    with pytest.raises(ValueError, match="give --data and a tile number"):
        read_tile(shared / "data", "9999")
