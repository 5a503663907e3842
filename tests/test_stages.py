"""What a frame looks like after the swap: inside the face, around it, and when the swap fails."""

from dataclasses import replace

import numpy as np
import pytest

from swapcast.kernels.geometry import five_points
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.detector import Detection
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Face
from swapcast.realtime.landmarks import Landmarks
from swapcast.realtime.meter import Meter
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.synthetic import Synthetic
from swapcast.realtime.who import Everybody, Largest, Roles


class Green:
    """A swapper that paints every face green, or fails."""

    template = "dfl_whole_face"
    size = 64
    sliders, hairline = (), False
    provider = "cpu"

    def __init__(self, *, fails: bool = False) -> None:
        self.crop = np.zeros((1, 3, 64, 64), np.float32)
        self.fails = fails

    def __call__(self):
        if self.fails:
            raise ModelError("the network gave no usable picture")
        face = np.zeros((3, 64, 64), np.float32)
        face[1] = 0.8
        return face, None


class Mirror(Green):
    """A swapper that gives back the face that it sees, a little brighter, and shows all of it."""

    def __call__(self):
        return np.clip(1.05 * self.crop[0], 0, 1), np.ones((64, 64), np.float32)


def frames(count=1):
    return list(Synthetic(width=320, height=240, seconds=count / 30).frames())


def face_in(frame, track=1, shift=0.0, scale=1.0):
    points = (frame.truth["landmarks"] * np.float32(scale) + np.float32(shift)).astype(np.float32)
    box = np.concatenate((points.min(0), points.max(0)))
    return Face(box, 1.0, five_points(points), points, np.ones(68, np.float32), track)


class Knows:
    """A check that finds every drawn face, and whatever else it is told of."""

    def __init__(self) -> None:
        self.more = ()
        self.fails = False

    def hits(self, frame):
        if self.fails:
            raise ModelError("the network gave numbers that are not finite")
        faces = (face_in(frame), *self.more)
        return tuple(Detection(face.box, 0.9, face.points) for face in faces)

    def look(self, frame, hit):
        return Landmarks(np.zeros((68, 2), np.float32), np.ones(68, np.float32), 0.99)


def stage(meter=None, check=None, **settings):
    fails = settings.pop("fails", False)
    check = check or Knows()
    return FaceSwap(Green(fails=fails), Compositor(), check, meter or Meter(), **settings)


def luma(frame):
    return frame.y[: frame.height, : frame.width].astype(int)


def inside(frame, face):
    left, top, right, bottom = np.round(face.box).astype(int)
    rows, columns = np.mgrid[: frame.height, : frame.width]
    return (rows > top) & (rows < bottom) & (columns > left) & (columns < right)


def test_the_face_is_changed_and_nothing_far_from_it():
    (frame,) = frames()
    face = face_in(frame)
    done = stage()(frame, (face,))
    assert (done.swapped, done.guarded, done.untouched) == (1, 0, 0)
    after = done.pictures[None].planes[0].astype(int)
    changed = np.abs(after - luma(frame)) > 3
    assert changed[inside(frame, face)].mean() > 0.5
    left, top, right, bottom = face.box
    wide = face_in(frame)
    wide.box[:] = (left - 20, top - 60, right + 20, bottom + 20)
    assert not changed[~inside(frame, wide)].any()


def test_one_picture_costs_one_pass_over_the_frame():
    compositor = Compositor()
    swap = FaceSwap(Green(), compositor, Knows(), Meter())
    for frame in frames(5):
        swap(frame, (face_in(frame),))
    assert compositor.full_frame_passes == 5


@pytest.mark.parametrize("mode", ["blur", "slate", "freeze"])
def test_a_face_that_cannot_be_swapped_does_not_show(mode):
    (frame,) = frames()
    face = face_in(frame)
    meter = Meter()
    done = stage(meter, fails=True, mode=mode)(frame, (face,))
    assert (done.swapped, done.guarded) == (0, 1)
    before, after = luma(frame), done.pictures[None].planes[0].astype(int)
    where = inside(frame, face)
    # Hardly anything of the face's detail is left: the slopes that were there are flat now.
    slopes = [np.abs(np.diff(picture, axis=1))[where[:, 1:]] for picture in (before, after)]
    steep = slopes[0] > 12
    assert steep.mean() > 0.02
    assert slopes[1][steep].mean() < 0.25 * slopes[0][steep].mean()
    assert any("could not be swapped" in event["event"] for event in meter.events)
    assert any(event["event"] == f"guard on: {mode}" for event in meter.events)


def test_a_swap_that_is_still_the_true_face_is_covered():
    (frame,) = frames()
    meter = Meter()
    swap = FaceSwap(Mirror(), Compositor(), Knows(), meter)
    done = swap(frame, (face_in(frame),))
    assert (done.swapped, done.guarded) == (0, 1)
    assert any("too much like the true one" in event["event"] for event in meter.events)
    swapper = Mirror()
    swapper.sliders = ("smile",)  # changes one's own face, and is asked for little
    assert FaceSwap(swapper, Compositor(), Knows(), Meter())(frame, (face_in(frame),)).swapped == 1


def test_landmarks_that_make_no_face_are_not_swapped_but_covered():
    (frame,) = frames()
    face = face_in(frame)
    jumbled = np.random.default_rng(3).permutation(face.landmarks)
    meter = Meter()
    done = stage(meter)(frame, (replace(face, landmarks=jumbled),))
    assert (done.swapped, done.guarded) == (0, 1)
    assert any("make no face" in event["event"] for event in meter.events)


def test_pass_shows_the_true_face_because_the_user_chose_so():
    (frame,) = frames()
    done = stage(fails=True, mode="pass")(frame, (face_in(frame),))
    after = done.pictures[None].planes[0].astype(int)
    assert np.abs(after - luma(frame)).max() <= 2  # the invisible mark


def test_a_face_that_is_lost_is_covered_in_that_very_frame():
    first, second = frames(2)
    swap = stage()
    face = face_in(first)
    swap(first, (face,))
    done = swap(second, ())
    assert done.guarded == 1
    after = done.pictures[None].planes[0].astype(int)
    assert (np.abs(after - luma(second)) > 3)[inside(second, face)].mean() > 0.3


def test_frozen_the_last_good_picture_stays():
    first, second = frames(2)
    swap = stage(mode="freeze")
    good = swap(first, (face_in(first),)).pictures[None].data.copy()
    held = swap(second, ()).pictures[None]
    assert np.array_equal(held.data, good)
    assert held.number == second.number


def test_somebody_nearer_to_the_camera_does_not_take_the_swap_away():
    check = Knows()
    swap = stage(check=check, who=Largest())
    guarded = []
    for number, frame in enumerate(frames(8)):
        wearer, other = face_in(frame, track=1, scale=0.5), face_in(frame, track=2, scale=1.0)
        check.more = (wearer,)
        done = swap(frame, (other, wearer) if number else (wearer,))
        assert done.swapped == 1
        guarded.append(done.guarded + done.undecided)
    # Until it is decided that the other one is a stranger, that face is covered.
    assert guarded[1] == 1
    assert (guarded[-1], done.untouched) == (0, 1)


def test_while_the_wearer_is_lost_a_known_stranger_does_not_get_the_swap():
    check = Knows()
    swap = stage(check=check, who=Largest())
    for number, frame in enumerate(frames(8)):
        wearer, other = face_in(frame, track=1, scale=0.5), face_in(frame, track=2, scale=1.0)
        check.more = (wearer,)
        swap(frame, (other, wearer) if number else (wearer,))
    check.more = ()
    for frame in frames(10):
        done = swap(frame, (face_in(frame, track=2, scale=1.0),))
        assert (done.swapped, done.guarded) == (0, 1)


def test_a_face_that_only_the_check_sees_is_covered():
    (frame,) = frames()
    done = stage()(frame, ())
    assert (done.swapped, done.guarded + done.undecided) == (0, 2)


def test_a_face_that_only_the_check_sees_is_suggested_to_the_analyser_once_it_is_one():
    suggested = []
    swap = stage(suggest=suggested.append)
    for frame in frames(8):
        swap(frame, ())
    (found, *_) = suggested[-1]
    assert np.allclose(found.points, face_in(frame).points, atol=1)
    suggested.clear()
    for frame in frames(4):
        swap(frame, (face_in(frame),))
    assert not suggested


def test_a_recognised_stranger_stays_as_they_are_beside_the_performer():
    check = Knows()

    class Known:
        """Knows who is who by the track."""

        doubts = False

        def __call__(self, frame, faces, guard):
            wearers = tuple((one, 0) for one in faces if one.track == 1)
            return Roles(wearers, strangers=tuple(one for one in faces if one.track == 2))

    swap = stage(check=check, who=Known())
    for frame in frames(4):
        stranger = face_in(frame, track=2, shift=180, scale=0.25)
        check.more = (stranger,)
        done = swap(frame, (face_in(frame), stranger))
    assert (done.swapped, done.untouched, done.guarded, done.undecided) == (1, 1, 0, 0)
    changed = np.abs(done.pictures[None].planes[0].astype(int) - luma(frame)) > 3
    assert not changed[inside(frame, stranger)].any()


@pytest.mark.parametrize("what", ["check", "analyser"])
def test_when_nobody_knows_where_faces_are_the_whole_picture_is_covered(what):
    first, second = frames(2)
    check = Knows()
    swap = stage(check=check)
    swap(first, (face_in(first),))
    check.fails = what == "check"
    done = swap(second, None if what == "analyser" else (face_in(second),))
    luma_after = done.pictures[None].planes[0].astype(int)
    assert done.guarded >= 1
    assert (np.abs(np.diff(luma_after, axis=1)) > 3).mean() < 0.05
    assert (np.abs(np.diff(luma(second), axis=1)) > 3).mean() > 0.02


def test_another_picture_size_starts_covered():
    (small,) = frames()
    (large,) = Synthetic(width=640, height=480, seconds=1 / 30).frames()
    swap = stage()
    assert swap(small, (face_in(small),)).guarded == 0
    done = swap(large, ())
    after = done.pictures[None].planes[0].astype(int)
    assert (np.abs(np.diff(after, axis=1)) > 3).mean() < 0.05


def test_a_face_without_a_place_covers_everything():
    (frame,) = frames()
    face = face_in(frame)
    face.landmarks[:], face.points[:], face.box[:] = np.nan, np.nan, np.nan
    done = stage()(frame, (face,))
    after = done.pictures[None].planes[0].astype(int)
    assert (np.abs(np.diff(after, axis=1)) > 3).mean() < 0.05


def test_everybody_is_swapped_when_asked():
    (frame,) = frames()
    pair = (face_in(frame, 1, scale=0.5), face_in(frame, 2, shift=60, scale=0.5))
    assert stage(who=Everybody())(frame, pair).swapped == 2
