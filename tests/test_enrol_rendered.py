"""Rendered people before the real networks: who obeys is enrolled, who only seems to is not."""

import random

import enrol_scenes as scene
import numpy as np
import pytest

from swapcast.models.render_sets import read_tile
from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.enrol_command import enrol
from swapcast.realtime.enrol_session import Enrolment
from swapcast.realtime.errors import ConsentError

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture(scope="module")
def person(shared):
    return scene.Performer(scene.people(shared, "0265")[0])


def test_who_does_all_that_is_asked_is_enrolled(person):
    actor = scene.Actor(person)
    enrolment = enrol(actor, actor, random.Random(8), say=print)
    assert len(enrolment.log) == 8
    assert len(enrolment.references.pictures) == 7
    turns = {e["challenge"]: e["measured"] for e in enrolment.log}
    assert float(turns["left"]["relief"]) > 0.4
    assert float(turns["right"]["relief"]) > 0.4


def test_the_same_performance_in_an_order_of_its_own_is_refused(person):
    order = ("smile broadly", "turn your head to your right", "blink twice",
             "lower your chin and look down", "turn your head to your left")  # fmt: skip

    def recorded(_text, _since, _digit):
        return scene.follow(order[int(actor.at / 3) % len(order)], actor.at % 3)

    actor = scene.Actor(person, recorded)
    with pytest.raises(ConsentError, match="nobody was enrolled"):
        enrol(actor, actor, random.Random(8), say=print)


def moved_print(picture, bend):
    """Return how somebody obeys who holds a print (from 21 cm wide) to the camera."""

    def hold(doing):
        actor = hold.actor
        since, rng = actor.at - actor.told_at, np.random.default_rng(int(actor.at * 100))
        far = scene.ease(since) * (40 + 12 * np.sin(1.3 * since))
        yaw = {"l": -far, "r": far}.get(actor.text[23:24], 0.0) if "turn" in actor.text else 0.0
        shake = 12 * np.sin(5 * since) if "turn" not in actor.text else 0.0
        sheet = scene.Sheet(yaw=yaw + shake, roll=shake / 2, bend=bend, width=24.0)
        seen = scene.held(picture(doing), sheet) + rng.normal(0, 2, (480, 640, 3))
        return np.clip(seen, 0, 255).astype(np.uint8)

    return hold


@pytest.mark.parametrize("bend", [0.0, 10.0])
@pytest.mark.parametrize("kind", ["left", "blink", "mouth"])
def test_a_print_that_is_moved_and_bent_is_refused(shared, kind, bend):
    tile = read_tile(shared / "data", "0265")
    hold = moved_print(lambda _: tile, bend)
    refused(hold, kind)


def test_a_bent_print_with_holes_for_living_eyes_and_mouth_cannot_turn(person):
    def living(doing):
        whole = person(scene.Doing(movements=doing.movements, closed=doing.closed))
        return np.ascontiguousarray(whole[:, 80:560])

    refused(moved_print(living, 10.0), "left")


def refused(hold, kind):
    actor = scene.Actor(hold, seconds=14.0)
    hold.actor = actor
    enrolment = Enrolment(random.Random(3), kinds=[kind])

    def goes_on():
        with open_analyser("own", detached=False) as analyse:
            for frame in actor.frames():
                actor.show(frame, enrolment.see(frame, analyse(frame)))

    with pytest.raises(ConsentError, match="nobody was enrolled"):
        goes_on()
    assert enrolment.log[-1]["passed"] == ""
