"""Who is swapped when people are recognised, and who is covered until that is decided."""

import threading

import numpy as np
import pytest

from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Face
from swapcast.realtime.guard import Guard
from swapcast.realtime.identity_looks import IdentityLooks
from swapcast.realtime.recognised import Recognised, recognisable
from swapcast.realtime.synthetic import Synthetic

POINTS = np.float32([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])
ANNA, BERT, CARL = np.eye(4, dtype=np.float32)[:3]


@pytest.fixture(scope="module")
def frame():
    (frame,) = Synthetic(width=320, height=240, seconds=1 / 30).frames()
    return frame


def face(track, left=0.0, size=80.0, narrow=1.0):
    """A face of one track; ``narrow`` turns it away."""
    points = np.float32([left, 20]) + np.float32(size) * POINTS * np.float32([narrow, 1])
    landmarks = np.repeat(points[2:3], 68, 0)
    box = np.float32([left, 20, left + size, 20 + size])
    return Face(box, 1.0, points, landmarks, np.ones(68, np.float32), track)


class Sees:
    """An identity network that knows what everybody looks like, by where they are."""

    def __init__(self, **people):
        self.looks = {int(left.strip("at")): vector for left, vector in people.items()}
        self.asked = []
        self.fails = False

    def __call__(self, frame, points):
        if self.fails:
            raise ModelError("the network gave numbers that are not finite")
        left = min(self.looks, key=lambda left: abs(left - points[0, 0]))
        self.asked.append(left)
        return self.looks[left]


def who(sees, *people, swappers=(), wait=False):
    looks = IdentityLooks(sees, detached=False)
    references = [one[None] for one in people]
    return Recognised(references, looks, swappers, scale=(0.25, 0.45), wait=wait)


def shown(roles):
    """Return the role of each track."""
    return (
        {one.track: f"face {number}" for one, number in roles.wearers}
        | {one.track: "covered" for one in roles.unknown}
        | {one.track: "left" for one in roles.strangers}
    )


def after(who, frame, faces, count):
    return [shown(who(frame, faces, Guard())) for _ in range(count)]


def test_who_is_known_is_swapped_and_a_stranger_is_left_both_covered_until_decided(frame):
    recognised = who(Sees(at24=BERT, at124=ANNA), ANNA)
    told = after(recognised, frame, [face(1), face(2, 100)], 5)
    assert told[0] == {1: "covered", 2: "covered"}
    assert told[-1] == {1: "left", 2: "face 0"}
    for track in (1, 2):
        roles = [one[track] for one in told]
        assert roles == sorted(roles)  # once decided it stays


def test_each_of_two_people_wears_a_face_of_their_own(frame):
    recognised = who(Sees(at24=BERT, at124=ANNA), ANNA, BERT, swappers=(0, 1))
    told = after(recognised, frame, [face(1), face(2, 100)], 5)
    assert told[-1] == {1: "face 1", 2: "face 0"}


def test_somebody_between_known_and_unknown_stays_covered(frame):
    doubtful = (0.35 * ANNA + np.sqrt(1 - 0.35**2) * CARL).astype(np.float32)
    told = after(who(Sees(at24=doubtful), ANNA), frame, [face(1)], 30)
    assert all(one == {1: "covered"} for one in told)


def test_beside_the_performer_somebody_less_alike_is_a_stranger(frame):
    doubtful = (0.3 * ANNA + np.sqrt(1 - 0.3**2) * CARL).astype(np.float32)
    told = after(who(Sees(at24=doubtful, at124=ANNA), ANNA), frame, [face(1), face(2, 100)], 12)
    assert told[3] == {1: "covered", 2: "face 0"}
    assert told[-1] == {1: "left", 2: "face 0"}


def test_of_two_who_are_alike_only_the_one_who_is_more_alike_wears_the_face(frame):
    brother = (0.6 * ANNA + 0.8 * CARL).astype(np.float32)
    told = after(who(Sees(at24=brother, at124=ANNA), ANNA), frame, [face(1), face(2, 100)], 20)
    assert told[-1] == {1: "covered", 2: "face 0"}


def test_who_is_alike_waits_until_everybody_was_looked_at(frame):
    brother = (0.6 * ANNA + 0.8 * CARL).astype(np.float32)
    places = {f"at{k * 100 + 24}": brother if k < 5 else BERT for k in range(9)}
    sees = Sees(**places, at924=ANNA)
    crowd = [face(k, 100 * k) for k in range(10)]
    told = after(who(sees, ANNA), frame, crowd, 12)
    assert not any(one[k] == "face 0" for one in told for k in range(9))
    assert told[-1] == {k: "covered" if k < 5 else "left" for k in range(9)} | {9: "face 0"}


def test_one_look_that_resembles_the_performer_covers_a_stranger_again(frame):
    sees = Sees(at24=BERT)
    recognised = who(sees, ANNA)
    assert after(recognised, frame, [face(1)], 5)[-1] == {1: "left"}
    sees.looks[24] = ANNA  # the performer came to where the stranger was followed
    told = after(recognised, frame, [face(1)], 12)
    changed = [one[1] for one in told]
    assert "covered" in changed[:6]
    assert changed[-1] == "face 0"


@pytest.mark.parametrize("gap", ["lost", "moved"])
def test_a_stranger_who_may_be_another_one_is_covered_at_once(frame, gap):
    recognised = who(Sees(at24=BERT, at224=ANNA), ANNA)
    after(recognised, frame, [face(1)], 6)
    if gap == "lost":
        after(recognised, frame, [], 5)
        back = face(1)
    else:
        back = face(1, 200)
    assert after(recognised, frame, [back], 1) == [{1: "covered"}]


def test_the_performer_stays_swapped_through_short_losses_and_profiles(frame):
    sees = Sees(at24=ANNA)
    recognised = who(sees, ANNA)
    after(recognised, frame, [face(1)], 5)
    after(recognised, frame, [], 10)
    sees.looks[24] = CARL  # a profile looks like nobody
    told = after(recognised, frame, [face(1, narrow=0.2)], 60)
    assert all(one == {1: "face 0"} for one in told)


def test_a_performer_who_turns_out_to_be_somebody_else_is_covered_and_then_left(frame):
    sees = Sees(at24=ANNA)
    recognised = who(sees, ANNA)
    after(recognised, frame, [face(1)], 5)
    sees.looks[24] = BERT
    roles = [one[1] for one in after(recognised, frame, [face(1)], 120)]
    assert roles[0] == "face 0"
    assert roles[-1] == "left"
    assert "covered" in roles


def test_of_ten_people_all_are_known_after_five_frames_and_then_looked_at_by_turns(frame):
    places = {f"at{k * 100 + 24}": ANNA if k == 7 else BERT for k in range(10)}
    sees = Sees(**places)
    recognised = who(sees, ANNA)
    crowd = [face(k, 100 * k) for k in range(10)]
    told = after(recognised, frame, crowd, 6)
    assert told[-1] == {k: "face 0" if k == 7 else "left" for k in range(10)}
    sees.asked.clear()
    after(recognised, frame, crowd, 20)
    assert len(sees.asked) <= 20  # one face a frame
    assert set(sees.asked) == {k * 100 + 24 for k in range(10)}


def test_when_the_network_is_silent_nobody_is_left_uncovered(frame):
    sees = Sees(at24=BERT, at124=ANNA)
    recognised = who(sees, ANNA)
    crowd = [face(1), face(2, 100)]
    assert after(recognised, frame, crowd, 6)[-1] == {1: "left", 2: "face 0"}
    sees.fails = True
    assert after(recognised, frame, crowd, 45)[-1] == {1: "covered", 2: "face 0"}


def test_strangers_may_have_to_wait_for_the_first_performer(frame):
    recognised = who(Sees(at24=BERT, at124=ANNA), ANNA, wait=True)
    assert after(recognised, frame, [face(1)], 20)[-1] == {1: "covered"}
    told = after(recognised, frame, [face(1), face(2, 100)], 5)
    assert told[-1] == {1: "left", 2: "face 0"}


def test_a_restart_forgets_who_was_who(frame):
    recognised = who(Sees(at24=BERT), ANNA)
    after(recognised, frame, [face(1)], 5)
    recognised.restart()
    assert after(recognised, frame, [face(1)], 1) == [{1: "covered"}]


def test_faces_that_are_small_or_turned_away_tell_nothing():
    assert recognisable(face(1).points)
    assert not recognisable(face(1, size=16).points)
    assert not recognisable(face(1, narrow=0.3).points)


def test_live_no_frame_waits_for_the_network(frame):
    go = threading.Event()

    def slow(frame, points):
        assert go.wait(5)
        return ANNA

    with IdentityLooks(slow, detached=True) as looks:
        recognised = Recognised([ANNA[None]], looks, scale=(0.25, 0.45))
        assert after(recognised, frame, [face(1)], 3)[-1] == {1: "covered"}
        go.set()
        for _ in range(200):
            told = shown(recognised(frame, [face(1)], Guard()))
            if told == {1: "face 0"}:
                break
            threading.Event().wait(0.01)
        assert told == {1: "face 0"}


def test_what_ends_the_thread_is_raised_where_frames_are_finished(frame):
    def broken(frame, points):
        raise RuntimeError("no such device")

    with IdentityLooks(broken, detached=True) as looks:
        recognised = Recognised([ANNA[None]], looks, scale=(0.25, 0.45))
        recognised(frame, [face(1)], Guard())
        threading.Event().wait(0.3)
        with pytest.raises(RuntimeError, match="no such device"):
            recognised(frame, [face(1)], Guard())
        recognised.restart()
        assert after(recognised, frame, [face(1)], 1) == [{1: "covered"}]
