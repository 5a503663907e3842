import random
from dataclasses import replace

import enrol_surfaces as scene
import numpy as np
import pytest

from swapcast.realtime.enrol_digits import Loudness, SayDigits, in_step
from swapcast.realtime.enrol_session import KINDS, Enrolment
from swapcast.realtime.errors import ConsentError


def enrolled(subject, kinds=KINDS, *, seconds=60.0, seed=1):
    """Let a subject enrol; returns the enrolment, done or not."""
    enrolment = Enrolment(random.Random(seed), kinds=kinds)
    for number in range(int(seconds * scene.FPS)):
        frame, face = subject.sits(number)
        subject.hear(enrolment.see(frame, [face]), frame.captured_at)
        if enrolment.done:
            break
    return enrolment


@pytest.mark.slow
def test_who_does_all_that_is_asked_is_enrolled_with_seven_pictures():
    enrolment = enrolled(scene.Subject())
    assert enrolment.done
    assert sorted(entry["challenge"] for entry in enrolment.log) == sorted(KINDS)
    assert all(float(e["asked"]) < float(e["passed"]) for e in enrolment.log)
    pictures = enrolment.references.pictures
    assert sorted(pictures) == ["down", "front", "left", "mouth", "right", "smile", "up"]
    assert all(data.startswith(b"\xff\xd8") for data in pictures.values())


def test_the_order_is_another_one_each_time():
    orders = set()
    for seed in range(4):
        enrolment = Enrolment(random.Random(seed))
        orders.add(tuple(enrolment._left))
    assert len(orders) == 4


@pytest.mark.parametrize(
    ("asked", "does"), [("left", -28), ("right", 28)], ids=["right for left", "left for right"]
)
def test_a_turn_to_the_other_side_is_refused(asked, does):
    def wrong(text, since, _):
        return scene.Doing(yaw=does * scene.ease(since) if text.startswith("turn") else 0)

    with pytest.raises(ConsentError, match="not seen within 8 seconds: turn your head"):
        enrolled(scene.Subject(acts=wrong), [asked])


def test_a_recording_in_its_own_order_is_refused():
    order = ("turn left", "turn right", "raise", "lower", "blink", "open", "smile")

    def recorded(text, since, _):
        at = recorded.at = recorded.at + 1 / scene.FPS
        return scene.obey(order[int(at / 2.5) % len(order)], at % 2.5, 9.0)

    recorded.at = 0.0
    with pytest.raises(ConsentError, match="nobody was enrolled"):
        enrolled(scene.Subject(acts=recorded), seed=3)


def test_who_jerks_the_head_is_told_to_turn_again_and_may():
    def jerks(text, since, digit_since):
        if not text.startswith("turn") or since < 1.5:
            return scene.Doing(yaw=28 if text.startswith("turn") and since > 0.5 else 0)
        return scene.obey(text, since - 2.0, digit_since)

    subject, told = scene.Subject(acts=jerks), set()
    enrolment = Enrolment(random.Random(1), kinds=["left"])
    for number in range(90):
        frame, face = subject.sits(number)
        text = enrolment.see(frame, [face])
        told.add(text)
        subject.hear(text, frame.captured_at)
    assert enrolment.done
    assert any("turn again, slowly" in text for text in told)


@pytest.mark.parametrize("surface", [scene.flat_surface, scene.bent_surface])
@pytest.mark.parametrize("kind", ["left", "right", "up", "down"])
def test_a_print_is_refused_even_where_the_landmarks_take_it_for_a_head(surface, kind):
    with pytest.raises(ConsentError, match="nobody was enrolled"):
        enrolled(scene.Subject(surface, turn=1.3), [kind])


def test_a_picture_whose_eyes_never_close_is_refused():
    with pytest.raises(ConsentError, match="blink twice"):
        enrolled(scene.Subject(still=True), ["blink"])


def test_eyes_that_close_while_the_head_shakes_do_not_count():
    def shakes(text, since, _):
        shaking = text.startswith("blink")
        yaw = round(9 * np.sin(8 * since)) if shaking else 0
        return replace(scene.obey(text, since, 9.0), yaw=yaw)

    with pytest.raises(ConsentError, match="blink twice"):
        enrolled(scene.Subject(acts=shakes), ["blink"])


@pytest.mark.parametrize("kind", ["mouth", "smile", "digits"])
def test_a_mouth_that_never_moves_is_refused(kind):
    with pytest.raises(ConsentError, match="nobody was enrolled"):
        enrolled(scene.Subject(acts=lambda *_: scene.Doing()), [kind])


def test_a_mouth_that_never_rests_does_not_say_digits():
    def chatter(text, since, _):
        return scene.Doing(mouth=0.3 + 0.3 * np.sin(9 * since) if text.startswith("say") else 0)

    with pytest.raises(ConsentError, match="say each digit"):
        enrolled(scene.Subject(acts=chatter), ["digits"])


def test_another_face_in_between_ends_it():
    subject, enrolment = scene.Subject(), Enrolment(random.Random(1))

    def goes_on():
        for number in range(200):
            frame, _ = subject.sits(number)
            who = scene.face(subject.doing, track=0 if number < 20 else 1)
            subject.hear(enrolment.see(frame, [who]), frame.captured_at)

    with pytest.raises(ConsentError, match="another one came"):
        goes_on()


def test_the_subject_is_told_what_to_mend():
    subject, enrolment = scene.Subject(), Enrolment(random.Random(1))
    frame, face = subject.sits(0)
    assert "show your face" in enrolment.see(frame, [])
    dark = scene.frame(frame.y // 5, 1)
    assert "more light" in enrolment.see(dark, [face])
    away = scene.Doing(yaw=30)
    assert "look straight" in enrolment.see(scene.frame(frame.y, 2), [scene.face(away)])
    assert "one person" in enrolment.see(scene.frame(frame.y, 3), [face, face])


def test_a_blurred_picture_is_no_reference():
    import cv2

    subject, enrolment = scene.Subject(), Enrolment(random.Random(1))
    frame, face = subject.sits(0)
    soft = scene.frame(cv2.GaussianBlur(frame.y, (0, 0), 6), 0)
    assert "hold still" in enrolment.see(soft, [face])
    assert not enrolment.references.pictures


def test_nobody_there_ends_it_after_half_a_minute():
    enrolment = Enrolment(random.Random(1))
    frame, _ = scene.Subject().sits(0)
    enrolment.see(frame, [])
    with pytest.raises(ConsentError, match="30 seconds"):
        enrolment.see(scene.frame(frame.y, int(31 * scene.FPS)), [])


def test_the_digits_are_random_and_shown_one_by_one():
    assert len({SayDigits(random.Random(seed)).digits for seed in range(5)}) == 5
    said = SayDigits(random.Random(1))
    gaps = np.diff(said.starts)
    assert (gaps > 2.1).all()
    assert (gaps < 3.0).all()


def speech(shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    at = np.arange(0, 8, 1 / 25)
    bumps = rng.uniform(0.3, 7.5, 14)
    mouth = sum(np.exp(-(((at - b) / 0.12) ** 2)) for b in bumps) * 0.2
    heard = np.arange(0, 8, 0.01)
    loud = sum(np.exp(-(((heard - b - shift) / 0.1) ** 2)) for b in bumps) * 0.1
    return at, mouth + rng.normal(0, 0.01, len(at)), heard, np.abs(loud) + 0.003


def test_a_voice_in_step_with_the_mouth_is_told_from_another_voice():
    at, mouth, heard, own = speech()
    assert in_step(at, mouth, heard, own) > 0.7
    assert in_step(at, mouth, heard, speech(0.15)[3]) > 0.7
    others = [in_step(at, mouth, heard, speech(seed=seed)[3]) for seed in range(1, 9)]
    assert np.median(others) < 0.3
    assert in_step(at, mouth, heard, np.full(len(heard), 0.01)) == 0


@pytest.mark.parametrize("own", [True, False])
def test_with_a_microphone_silence_does_not_pass_for_the_digits(own):
    heard: list[Loudness] = []
    enrolment = Enrolment(random.Random(2), heard, kinds=["digits"])
    subject = scene.Subject()

    def goes_on():
        for number in range(300):
            frame, face = subject.sits(number)
            for k in range(6):
                at = frame.captured_at + k / 90
                heard.append(Loudness(at, 0.002 + 0.1 * subject.doing.mouth * own))
            subject.hear(enrolment.see(frame, [face]), frame.captured_at)

    if own:
        goes_on()
        assert enrolment.done
    else:
        with pytest.raises(ConsentError, match="say each digit"):
            goes_on()
