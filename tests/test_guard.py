"""What the guard covers, and for how long it doubts."""

from dataclasses import replace

import numpy as np
import pytest

from swapcast.realtime.detector import Detection
from swapcast.realtime.frame import Face
from swapcast.realtime.guard import Guard
from swapcast.realtime.landmarks import Landmarks
from swapcast.realtime.places import covers

POINTS = np.float32([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])


def box(left, top, size=100):
    return np.array([left, top, left + size, top + size], np.float32)


def face(left, top, size=100, track=1, score=1.0):
    points = np.float32([left, top]) + np.float32(size) * POINTS
    landmarks = np.repeat(points[2:3], 68, 0)
    return Face(box(left, top, size), score, points, landmarks, np.ones(68, np.float32), track)


def hit(left, top, size=100, score=0.3):
    return Detection(box(left, top, size), score, np.float32([left, top]) + size * POINTS)


def looks(presence, points=None):
    """A closer look that always sees the same."""
    points = np.zeros((68, 2), np.float32) - 1000 if points is None else points
    return lambda hit: Landmarks(points, np.ones(68, np.float32), presence)


def judge(guard, *, swapped=(), failed=(), others=(), hits=(), presence=0.0, **known):
    return guard(swapped, failed, others, hits, looks(presence), **known)


def settled(guard=None, **settings):
    """A guard for whom the wearer's swap sits where the check saw a face."""
    guard = guard or Guard(**settings)
    for _ in range(4):
        judge(guard, swapped=[face(100, 100)], hits=[hit(100, 100)])
    return guard


def covered(verdict, place):
    return everywhere(verdict) or any(
        (region[:2] <= place[:2]).all() and (region[2:] >= place[2:]).all()
        for region in verdict.regions
    )


def everywhere(verdict):
    return len(verdict.regions) == 1 and not np.isfinite(verdict.regions[0]).any()


def test_a_swap_where_the_check_sees_a_face_needs_no_guard():
    verdict = judge(Guard(), swapped=[face(10, 10)], hits=[hit(12, 8)])
    assert verdict.regions == ()


def test_at_the_start_everything_is_covered_until_three_checks_were_clean():
    guard = Guard()
    shown = [bool(judge(guard).regions) for _ in range(5)]
    assert everywhere(Guard().blind())
    assert shown == [True, True, False, False, False]


def test_a_frame_that_could_not_be_checked_is_covered_and_so_is_what_follows():
    guard = settled()
    assert everywhere(guard.blind())
    assert everywhere(judge(guard))


def test_a_swap_that_sits_elsewhere_than_the_face_does_not_count():
    guard = settled()
    verdict = judge(guard, swapped=[face(180, 100)], hits=[hit(100, 100)], presence=0.99)
    assert covered(verdict, box(100, 100))


def test_a_face_that_could_not_be_swapped_is_covered_with_a_margin():
    verdict = judge(settled(), failed=[face(100, 100)], hits=[hit(100, 100)])
    (region,) = verdict.regions
    assert covered(verdict, box(100, 100))
    assert region[0] < 100
    assert verdict.guarded == 1


def test_a_lost_face_stays_covered_and_its_region_grows():
    guard = settled()
    sizes = []
    for moved in range(10):
        verdict = judge(guard)
        assert covered(verdict, box(100 + 2 * moved, 100))
        sizes.append(verdict.regions[0][2] - verdict.regions[0][0])
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


def test_the_guard_ends_after_many_clean_checks():
    guard = settled()
    shown = [bool(judge(guard).regions) for _ in range(30)]
    assert shown[:15] == [True] * 15
    assert not any(shown[15:])


def test_a_lost_face_that_the_check_still_sees_is_covered_as_long_as_it_is_there():
    guard = settled()
    for moved in range(60):
        verdict = judge(guard, hits=[hit(100 + 4 * moved, 100)], presence=0.5)
        assert covered(verdict, box(100 + 4 * moved, 100))


def test_a_lost_face_behind_a_hand_stays_covered_though_it_looks_like_nothing():
    guard = settled()
    verdicts = [judge(guard, hits=[hit(104, 100)], presence=0.1) for _ in range(400)]
    shown = [covered(verdict, box(104, 100)) for verdict in verdicts]
    assert all(shown[:150])
    # But wallpaper where somebody once was does not stay covered for ever.
    assert not any(shown[-100:])


def test_the_guard_ends_when_the_face_is_found_again_under_another_track():
    guard = settled()
    assert judge(guard).regions
    verdict = judge(guard, swapped=[face(110, 100, track=2)], hits=[hit(110, 100)])
    assert verdict.regions == ()


def test_another_face_elsewhere_does_not_end_it():
    guard = settled()
    judge(guard, swapped=[face(900, 100, track=2)], hits=[hit(900, 100)])
    verdict = judge(guard, swapped=[face(900, 100, track=2)], hits=[hit(900, 100)])
    assert covered(verdict, box(100, 100))


def test_wallpaper_is_covered_for_a_moment_and_never_again():
    guard = settled()
    wearer = {"swapped": [face(100, 100)]}
    shown = []
    for _ in range(60):
        verdict = judge(guard, **wearer, hits=[hit(100, 100), hit(500, 100)], presence=0.3)
        shown.append(covered(verdict, box(500, 100)))
    assert shown[0]
    assert 0 < sum(shown) <= 5
    assert verdict.undecided == 0


def test_the_mouth_of_a_confirmed_swap_is_no_face_of_its_own():
    wearer, mouth = hit(100, 100), hit(110, 130, size=40)
    there = {"swapped": [face(100, 100)], "presence": 0.99}
    verdict = judge(settled(), **there, hits=[wearer, mouth])
    assert not covered(verdict, mouth.box)
    # A face beside it is one, and so is the mouth if the swap was not confirmed.
    assert covered(
        judge(settled(), **there, hits=[wearer, hit(180, 130, size=40)]), box(180, 130, 40)
    )
    assert covered(judge(settled(), **there, hits=[mouth]), mouth.box)


def test_wallpaper_that_turns_out_to_be_a_face_is_covered_again():
    guard = settled(strangers=False)
    there = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(500, 100)]}
    for _ in range(6):
        judge(guard, **there, presence=0.05)
    verdicts = [judge(guard, **there, presence=0.6) for _ in range(20)]
    assert covered(verdicts[-1], box(500, 100))


def test_a_face_beside_a_confirmed_wearer_is_decided_to_be_a_stranger():
    guard = settled(strangers=True)
    there = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(500, 100, score=0.9)]}
    verdicts = [judge(guard, **there, presence=0.99) for _ in range(8)]
    assert covered(verdicts[0], box(500, 100))
    assert verdicts[0].undecided == 1
    assert not any(covered(verdict, box(500, 100)) for verdict in verdicts[5:])
    assert verdicts[-1].untouched == 1


def test_when_everybody_is_swapped_nobody_is_a_stranger():
    guard = settled(strangers=False)
    there = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(500, 100)]}
    verdicts = [judge(guard, **there, presence=0.99) for _ in range(40)]
    assert all(covered(verdict, box(500, 100)) for verdict in verdicts)


@pytest.mark.parametrize("presence", [0.5, 0.99])
def test_without_a_wearer_whatever_looks_like_a_face_stays_covered(presence):
    guard = Guard()
    verdicts = [judge(guard, hits=[hit(500, 100)], presence=presence) for _ in range(60)]
    assert all(covered(verdict, box(500, 100)) for verdict in verdicts)


def test_what_the_detector_is_sure_of_is_never_wallpaper():
    guard = settled(strangers=False)
    there = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(500, 100, score=0.7)]}
    verdicts = [judge(guard, **there, presence=0.0) for _ in range(40)]
    assert all(covered(verdict, box(500, 100)) for verdict in verdicts)


def test_a_chin_of_the_swapped_face_is_not_taken_for_another_one():
    guard = settled()
    wearer = face(100, 100)
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42], landmarks[42:48] = wearer.points[0], wearer.points[1]
    landmarks[30], landmarks[48], landmarks[54] = wearer.points[2:]
    for _ in range(10):
        verdict = guard(
            [wearer], [], [], [hit(100, 100), hit(120, 160, 50)], looks(0.99, landmarks)
        )
    assert verdict.regions == ()


def test_a_stranger_takes_no_verdict_along_into_the_region_of_the_lost_wearer():
    guard = settled()
    there = {"hits": [hit(100, 100), hit(500, 100, score=0.9)]}
    for _ in range(8):
        judge(guard, swapped=[face(100, 100)], **there, presence=0.99)
    verdict = judge(guard, **there, presence=0.99)
    assert covered(verdict, box(100, 100))
    assert verdict.untouched == 1


def test_points_decide_whether_a_swap_covers_a_hit():
    assert covers(face(100, 100), hit(104, 97))
    assert not covers(face(100, 100), hit(150, 100))
    assert not covers(face(100, 100), hit(100, 100, size=300))


def test_points_that_make_no_sense_cover_nothing_though_their_mean_is_right():
    there = face(100, 100)
    for shuffle in range(20):
        random = np.random.default_rng(shuffle)
        middle = there.points.mean(0)
        collapsed = (middle + random.normal(0, 6, (5, 2))).astype(np.float32)
        assert not covers(replace(there, points=collapsed), hit(100, 100))
    turned = middle + (there.points - middle) @ np.float32([[0, 1], [-1, 0]])
    assert not covers(replace(there, points=turned), hit(100, 100))


def test_a_swap_whose_mask_leaves_the_eyes_bare_does_not_count():
    guard = settled()
    verdict = guard(
        [face(100, 100)], [], [], [hit(100, 100)], looks(0.99), worn=lambda points: False
    )
    assert covered(verdict, box(100, 100))


@pytest.mark.parametrize(("off", "counts"), [(0, True), (30, False)])
def test_a_swap_that_sits_a_little_off_counts_only_if_a_closer_look_agrees(off, counts):
    guard, wearer = settled(), face(100, 100)
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42], landmarks[42:48] = wearer.points[0], wearer.points[1]
    landmarks[30], landmarks[48], landmarks[54] = wearer.points[2:]
    verdict = guard([wearer], [], [], [hit(115, 110)], looks(0.99, landmarks + np.float32(off)))
    assert covered(verdict, box(115, 110)) != counts


def test_a_face_of_which_nobody_knows_whose_it_is_is_covered_and_counted_apart():
    guard = settled(strangers=False)
    unknown = face(300, 100, track=2)
    sights = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(300, 100)]}
    for _ in range(40):
        verdict = judge(guard, **sights, presence=0.99, unknown=[unknown])
        assert covered(verdict, box(300, 100))
        assert (verdict.guarded, verdict.undecided, verdict.untouched) == (0, 1, 0)


def test_a_recognised_stranger_is_left_alone_from_the_first_frame_on():
    guard = settled(strangers=False)
    sights = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(300, 100)]}
    verdict = judge(guard, **sights, presence=0.99, strangers=[face(300, 100, track=2)])
    assert verdict.regions == ()
    assert verdict.untouched == 1


def test_where_a_stranger_was_is_covered_soon_after_the_tracker_lost_them():
    guard = settled(strangers=False)
    sights = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(300, 100)]}
    judge(guard, **sights, presence=0.99, strangers=[face(300, 100, track=2)])
    shown = [not covered(judge(guard, **sights, presence=0.99), box(300, 100)) for _ in range(8)]
    assert shown == [True] * 3 + [False] * 5


def test_a_stranger_who_is_doubted_again_is_covered_at_once():
    guard = settled(strangers=False)
    sights = {"swapped": [face(100, 100)], "hits": [hit(100, 100), hit(300, 100)]}
    judge(guard, **sights, presence=0.99, strangers=[face(300, 100, track=2)])
    verdict = judge(guard, **sights, presence=0.99, unknown=[face(300, 100, track=2)])
    assert covered(verdict, box(300, 100))


def test_a_chin_of_a_stranger_is_a_part_of_the_stranger_only_while_they_are_there():
    guard = settled(strangers=False)
    stranger, chin = face(300, 100, track=2), hit(330, 160, size=30)
    landmarks = np.zeros((68, 2), np.float32)
    eyes, nose, mouth = stranger.points[:2], stranger.points[2], stranger.points[3:]
    landmarks[36:42], landmarks[42:48], landmarks[30] = eyes[0], eyes[1], nose
    landmarks[48], landmarks[54] = mouth
    sees = {"swapped": [face(100, 100)], "hits": [hit(100, 100), chin]}

    def judged(**known):
        place = looks(0.99, landmarks)
        return guard(sees["swapped"], (), (), sees["hits"], place, **known)

    assert judged(strangers=[stranger]).regions == ()
    assert judged(strangers=[stranger]).regions == ()
    assert covered(judged(), chin.box)


@pytest.mark.parametrize(("second", "left"), [(0.0, True), (0.3, False)])
def test_a_collar_belongs_to_a_stranger_if_a_second_look_ends_at_their_face(second, left):
    guard = settled(strangers=False)
    stranger, collar = face(300, 100, track=2), hit(310, 140)
    size = float(stranger.box[2] - stranger.box[0])
    asked = []

    def look(where):
        asked.append(where)
        off = 0.3 if len(asked) % 2 else second
        landmarks = np.tile(stranger.points.mean(0), (68, 1)).astype(np.float32)
        landmarks[36:42], landmarks[42:48] = stranger.points[0], stranger.points[1]
        landmarks[30], landmarks[48], landmarks[54] = stranger.points[2:]
        return Landmarks(landmarks + np.float32(off * size), np.ones(68, np.float32), 0.99)

    verdict = guard([face(100, 100)], (), (), [hit(100, 100), collar], look, strangers=[stranger])
    assert len(asked) == 2
    assert covered(verdict, collar.box) != left
