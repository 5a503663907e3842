"""The bundled detector on pictures: what it finds, and how seldom it imagines a face."""

from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_frames import frame_of, frames_of, pictures_of
from numpy.typing import NDArray

from swapcast.models.detector_clutter import clutter
from swapcast.models.detector_faceless import Referees, read_pictures
from swapcast.realtime.detector import Detection, detector
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.tracker import Tracker
from swapcast.realtime.yunet import YuNet


def test_nothing_is_found_in_flat_and_noisy_frames() -> None:
    find = detector()
    random = np.random.default_rng(1)
    pictures = [np.full((360, 640, 3), level, np.uint8) for level in (0, 128, 255)]
    pictures += [random.integers(0, 256, (360, 640, 3), dtype=np.uint8) for _ in range(3)]
    assert [find(frame_of(picture)) for picture in pictures] == [()] * 6


def demo_frames(every: int) -> list[NDArray[np.uint8]]:
    """Pictures of the bundled clip, uint8 [720, 1280, 3] RGB: somebody who is drawn talks."""
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
        return pictures_of(clip, every)


@pytest.mark.slow
def test_a_face_across_the_room_is_found_where_it_is() -> None:
    """48 of 480 pixels high; the first look at a fourth of the pixels alone is too coarse."""
    find, found = detector(), []
    for number, picture in enumerate(demo_frames(15)):
        face = find(frame_of(picture))[0]
        scale = 48 / float(face.box[3] - face.box[1])
        size = (int(1280 * scale), int(720 * scale))
        room = cv2.GaussianBlur(cv2.resize(picture, (640, 480)), (0, 0), 40)
        left, top = 40 + 15 * number, 30 + 8 * number
        room[top : top + size[1], left : left + size[0]] = cv2.resize(
            picture, size, interpolation=cv2.INTER_AREA
        )
        placed = face.box * scale + np.tile([left, top], 2)
        found.append(best_overlap(find(frame_of(np.asarray(room, np.uint8))), placed) > 0.5)
    assert len(found) >= 15
    assert np.mean(found) >= 0.8


def faceless_rate(pictures: list[NDArray[np.uint8]]) -> tuple[int, int]:
    """Count pictures in which a face is detected, and those in which one would be followed."""
    find, look = detector(), landmark_net()
    detected = followed = 0
    for picture in pictures:
        frame = frame_of(picture)
        faces = find(frame)
        detected += bool(faces)
        followed += bool(Tracker(look, look.size).add(frame, faces))
    return detected, followed


@pytest.mark.slow
def test_hardly_any_face_is_seen_in_drawn_clutter_and_none_is_followed() -> None:
    """Cloth, shelves, letters, balls, hands; the rate over 3,022 pictures is on the card."""
    random = np.random.default_rng(987)
    detected, followed = faceless_rate([clutter(240, 320, random) for _ in range(250)])
    assert detected <= 1
    assert followed == 0


@pytest.mark.shared
def test_hardly_any_face_is_seen_around_real_people_and_none_is_followed(shared: Path) -> None:
    random, referees = np.random.default_rng(986), Referees(shared / "data")
    files = sorted((shared / "data/faces_real_cc0").glob("*.jpg"))[::4]
    parts = [part for picture in read_pictures(files) for part in referees.free(picture, 6, random)]
    assert len(parts) > 80
    detected, followed = faceless_rate(parts)
    assert detected <= 1
    assert followed == 0


def test_openvino_finds_the_same_faces() -> None:
    """In frames of several sizes, one after the other."""
    pytest.importorskip("openvino", reason="needs swapcast[openvino]")
    find, other = detector(), detector(provider="openvino")
    for picture in demo_frames(60):
        for size in ((1280, 720), (640, 480)):
            frame = frame_of(np.asarray(cv2.resize(picture, size), np.uint8))
            (mine,), (theirs,) = find(frame), other(frame)
            reach = float(mine.box[3] - mine.box[1])
            assert np.abs(mine.box - theirs.box).max() < 0.05 * reach
            assert mine.score == pytest.approx(theirs.score, abs=0.1)


def best_overlap(faces: tuple[Detection, ...], box: NDArray[np.float32]) -> float:
    """Largest share of common in joint area between ``box`` and any face."""
    best = 0.0
    for face in faces:
        low, high = np.maximum(face.box[:2], box[:2]), np.minimum(face.box[2:], box[2:])
        shared = float(np.clip(high - low, 0, None).prod())
        areas = float((face.box[2:] - face.box[:2]).prod() + (box[2:] - box[:2]).prod())
        best = max(best, shared / (areas - shared))
    return best


@pytest.mark.shared
@pytest.mark.parametrize("talker", ["lwbsza", "pwij3p", "swiz3n"])
def test_talkers_that_never_trained_are_found_where_yunet_finds_them(
    shared: Path, talker: str
) -> None:
    find, judge = detector(), YuNet(shared / "data/models/yunet/yunet_n_dynamic.onnx")
    frames = frames_of(shared / f"data/clips/grid/{talker}.mpg", 5)
    overlaps = [best_overlap(find(frame), judge(frame)[0].box) for frame in frames]
    assert min(overlaps) > 0.5
    assert np.mean(overlaps) > 0.7


@pytest.mark.shared
def test_portraits_of_real_people_are_found(shared: Path) -> None:
    find, found = detector(), 0
    files = sorted((shared / "data/faces_real_cc0").glob("*.jpg"))
    for file in files:
        picture = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_4)
        found += bool(find(frame_of(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))))
    assert found >= 0.95 * len(files)


@pytest.mark.shared
def test_a_clip_without_a_face_has_none(shared: Path) -> None:
    find = detector()
    assert not any(find(frame) for frame in frames_of(shared / "data/clips/pyfeat/no_face.mp4", 4))
