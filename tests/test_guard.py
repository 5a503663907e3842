import numpy as np

from swapcast.realtime.frame import Face
from swapcast.realtime.guard import Guard


def face(left, top, size=100, track=1):
    box = np.array([left, top, left + size, top + size], np.float32)
    points = np.zeros((5, 2), np.float32)
    return Face(box, 1.0, points, np.zeros((68, 2), np.float32), np.ones(68, np.float32), track)


def covers(region, box):
    return (region[:2] <= box[:2]).all() and (region[2:] >= box[2:]).all()


def test_a_swapped_face_needs_no_guard():
    guard = Guard()
    assert guard.regions((face(10, 10),), ()) == ()


def test_a_face_that_could_not_be_swapped_is_covered_with_a_margin():
    failed = face(10, 10)
    (region,) = Guard().regions((), (failed,))
    assert covers(region, failed.box)
    assert region[0] < failed.box[0]


def test_a_lost_face_stays_covered_and_its_region_grows():
    guard = Guard()
    last = face(100, 100)
    guard.regions((last,), ())
    sizes = []
    for moved in range(10):
        (region,) = guard.regions((), ())
        assert covers(region, face(100 + 2 * moved, 100).box)
        sizes.append(region[2] - region[0])
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


def test_the_guard_ends_after_many_clean_frames():
    guard = Guard()
    guard.regions((face(100, 100),), ())
    covered = [bool(guard.regions((), ())) for _ in range(30)]
    assert covered[:15] == [True] * 15
    assert not any(covered[15:])


def test_the_guard_ends_when_the_face_is_found_again_under_another_track():
    guard = Guard()
    guard.regions((face(100, 100),), ())
    assert guard.regions((), ())
    assert guard.regions((face(110, 100, track=2),), ()) == ()


def test_another_face_elsewhere_does_not_end_it():
    guard = Guard()
    guard.regions((face(100, 100),), ())
    assert len(guard.regions((face(900, 100, track=2),), ())) == 1
