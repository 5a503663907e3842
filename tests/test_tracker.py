import drawn_face
import numpy as np
import pytest

from swapcast.realtime.tracker import Tracker


def follow(sees, path, *, rate=30.0):
    """Track one face along ``path``; yield the truth and what is shown."""
    tracker = Tracker(sees, sees.size)
    for number, landmarks in enumerate(path):
        sees.faces = [landmarks]
        frame = drawn_face.frame(number, rate=rate)
        faces = tracker(frame)
        if not faces:
            faces = tracker.add(frame, sees.detect(frame))
        yield landmarks, faces


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("pixels_a_frame", [2, 8, 16])
def test_a_face_at_steady_speed_is_not_trailed(pixels_a_frame, noise):
    path = [drawn_face.placed(80 + pixels_a_frame * k, 150) for k in range(480 // pixels_a_frame)]
    behind = [
        (true - faces[0].landmarks)[:, 0].mean()
        for true, faces in follow(drawn_face.Sees(noise=noise), path)
    ]
    assert len(behind) == len(path)
    assert max(behind[8:]) <= 1.0
    assert abs(np.mean(behind[8:])) <= 1.0


def test_a_face_that_sets_off_suddenly_is_caught_up_with():
    path = [drawn_face.placed(100 + max(0, k - 30) * 10, 150) for k in range(70)]
    behind = [
        (true - faces[0].landmarks)[:, 0].mean()
        for true, faces in follow(drawn_face.Sees(noise=0.3), path)
    ]
    assert max(behind) < 4
    assert max(behind[37:]) < 1.2


def test_a_still_face_trembles_less_than_half_as_much_as_it_is_read():
    sees = drawn_face.Sees(noise=0.5)
    path = [drawn_face.placed(300, 150)] * 150
    shown = np.stack([faces[0].landmarks for _, faces in follow(sees, path)])[30:]
    pixel = np.ptp(path[0], axis=0).max() * 1.5 / sees.size
    assert np.diff(shown, axis=0).std() < 0.5 * np.sqrt(2) * sees.noise * pixel
    assert shown.std(0).mean() < 0.6 * sees.noise * pixel


def test_a_blink_gets_through_the_smoothing():
    path = []
    for k in range(60):
        face = drawn_face.placed(300, 150)
        shut = np.clip(1 - abs(k - 40) / 3, 0, 1)
        face[[37, 38]] += np.float32([0, 2.6 * shut])
        face[[40, 41]] -= np.float32([0, 2.6 * shut])
        path.append(face)
    open_by = [
        faces[0].landmarks[41, 1] - faces[0].landmarks[37, 1]
        for _, faces in follow(drawn_face.Sees(), path)
    ]
    assert min(open_by[38:44]) < 0.65 * open_by[30]


def test_turning_and_nearing_are_followed():
    path = [drawn_face.placed(320, 150, 40 * 1.02**k, 2.0 * k) for k in range(30)]
    for true, faces in follow(drawn_face.Sees(), path):
        assert np.abs(true - faces[0].landmarks).mean() < 2.5
        assert faces[0].track == 0


def test_a_short_loss_keeps_the_number_and_shows_nothing_meanwhile():
    sees = drawn_face.Sees()
    path = [drawn_face.placed(100 + 4 * k, 150) for k in range(60)]
    tracker, shown = Tracker(sees, sees.size), []
    for number, landmarks in enumerate(path):
        sees.faces = [] if 20 <= number < 27 else [landmarks]
        frame = drawn_face.frame(number)
        faces = tracker(frame)
        if not tracker.alive:
            faces = tracker.add(frame, sees.detect(frame))
        shown.append([face.track for face in faces])
    assert shown == [[0]] * 20 + [[]] * 7 + [[0]] * 33


def test_a_long_absence_ends_the_track():
    sees = drawn_face.Sees()
    tracker, numbers = Tracker(sees, sees.size), []
    for number in range(60):
        sees.faces = [] if 20 <= number < 40 else [drawn_face.placed(300, 150)]
        frame = drawn_face.frame(number)
        faces = tracker(frame) or tracker.add(frame, sees.detect(frame))
        numbers += [face.track for face in faces]
    assert numbers == [0] * 20 + [1] * 20


def test_two_faces_keep_their_numbers_and_a_seen_face_is_not_found_twice():
    sees = drawn_face.Sees()
    tracker = Tracker(sees, sees.size)
    for number in range(30):
        sees.faces = [drawn_face.placed(150 + 3 * number, 150), drawn_face.placed(480, 160, 50)]
        frame = drawn_face.frame(number)
        tracker(frame)
        faces = tracker.add(frame, sees.detect(frame))
        assert [face.track for face in faces] == [0, 1]
        for face, true in zip(faces, sees.faces, strict=True):
            assert np.abs(face.landmarks - true).mean() < 1.5


def test_two_tracks_that_come_to_follow_one_face_become_one():
    sees = drawn_face.Sees()
    tracker = Tracker(sees, sees.size)
    for number in range(40):
        right = max(200.0, 330.0 - 10 * number)
        sees.faces = [drawn_face.placed(200, 150), drawn_face.placed(right, 150)]
        frame = drawn_face.frame(number)
        faces = tracker(frame) or tracker.add(frame, sees.detect(frame))
    assert [face.track for face in faces] == [0]


def test_what_the_network_takes_for_no_face_is_none():
    sees = drawn_face.Sees()
    tracker, frame = Tracker(sees, sees.size), drawn_face.frame(0)
    tracker(frame)
    assert tracker.add(frame, [drawn_face.detection(drawn_face.placed(300, 150))]) == ()
    assert not tracker.alive


def test_a_crude_box_is_enough_to_start():
    sees = drawn_face.Sees()
    true = drawn_face.placed(300, 150)
    sees.faces = [true]
    tracker, frame = Tracker(sees, sees.size), drawn_face.frame(0)
    tracker(frame)
    found = drawn_face.detection(true)
    found.box[:] += np.float32([8, -10, 20, 4])
    (face,) = tracker.add(frame, [found])
    np.testing.assert_allclose(face.landmarks, true, atol=0.01)
    np.testing.assert_allclose(face.box, [*true.min(0), *true.max(0)], atol=0.01)
    assert sees.looks <= 3


def test_a_resting_face_is_looked_at_once_a_frame():
    sees = drawn_face.Sees()
    for _ in follow(sees, [drawn_face.placed(300, 150)] * 10):
        pass
    assert sees.looks <= 10 + 2


def test_another_picture_size_starts_anew():
    sees = drawn_face.Sees(faces=[drawn_face.placed(300, 150)])
    tracker, frame = Tracker(sees, sees.size), drawn_face.frame(0)
    tracker(frame)
    tracker.add(frame, sees.detect(frame))
    assert tracker(drawn_face.frame(1, width=1280, height=720)) == ()
