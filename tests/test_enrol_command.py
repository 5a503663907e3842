import io
import random
from datetime import date

import enrol_surfaces as scene
import pytest

from swapcast.realtime.consent import issue_record
from swapcast.realtime.enrol_command import check_camera, enrol, evidence, reference_files
from swapcast.realtime.enrol_preview import LinesPreview, mirror
from swapcast.realtime.enrol_session import Enrolment
from swapcast.realtime.erasure import delete
from swapcast.realtime.errors import ConsentError, SettingError, SwapcastError
from swapcast.realtime.face_command import run
from swapcast.realtime.face_store import FaceStore
from swapcast.realtime.policy import accept_policy
from swapcast.realtime.synthetic import Synthetic


def enrolled():
    enrolment, subject = Enrolment(random.Random(4), kinds=["left", "blink"]), scene.Subject()
    for number in range(300):
        frame, face = subject.sits(number)
        subject.hear(enrolment.see(frame, [face]), frame.captured_at)
        if enrolment.done:
            return enrolment
    raise AssertionError("the subject was not enrolled")


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.jpg"))


def test_the_record_holds_the_log_and_the_pictures_lie_in_the_store_until_deleted(tmp_path):
    done = enrolled()
    store = FaceStore(tmp_path / "store")
    record = issue_record(
        subject="Ada",
        kind="self",
        statement="This is my own face.",
        scope=("live",),
        key=store.key,
        policy=accept_policy(True, lambda _: None),
        evidence=evidence(done),
    )
    store.keep_record(record, reference_files(done))
    record.check(date.today())
    kept = store.record("Ada").evidence
    assert {entry["challenge"] for entry in kept["challenges"]} == {"left", "blink"}
    assert float(kept["challenges"][0]["passed"]) > float(kept["challenges"][0]["asked"])
    assert sorted(kept["references"]) == ["front.jpg", "left.jpg"]
    assert files(store.folder) == [
        f"references/{record.id}/front.jpg", f"references/{record.id}/left.jpg"]  # fmt: skip
    folder = store.folder / "references" / record.id
    assert folder.stat().st_mode & 0o077 == 0
    delete(store, "Ada")
    assert not files(store.folder)


def test_a_face_that_obeys_nobody_is_not_enrolled(tmp_path):
    said = []
    source = Synthetic(width=640, height=480, fps=5, seconds=40.0)
    with pytest.raises(ConsentError, match="nobody was enrolled"):
        enrol(source, LinesPreview(said.append), random.Random(1), say=said.append)
    assert said


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch):
    class Interrupted(LinesPreview):
        def show(self, frame, text):
            if frame.number == 3:
                raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    source = Synthetic(width=640, height=480, fps=5, seconds=10.0)
    with pytest.raises(KeyboardInterrupt):
        enrol(source, Interrupted(print), random.Random(1), say=print)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize("source", ["clip.mp4", "rtsp://host/live", "synthetic", "screen"])
def test_what_is_no_camera_is_refused(source):
    with pytest.raises(SettingError, match="enrolment is live"):
        check_camera(source)


def test_it_asks_for_the_policy_before_it_opens_a_camera(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ConsentError, match="--accept-policy"):
        run(["enroll", "Ada", "--source", "97"], say=print)
    with pytest.raises(SwapcastError, match="video97"):
        run(["enroll", "Ada", "--source", "97", "--no-window", "--accept-policy"], say=print)
    assert not list(tmp_path.rglob("*.json"))


def test_lines_are_said_once(tmp_path):
    said = []
    frame, _ = scene.Subject().sits(0)
    with LinesPreview(said.append) as lines:
        for text in ("look straight", "look straight", "smile"):
            lines.show(frame, text)
    assert said == ["look straight", "smile"]


def test_the_mirror_is_a_mirror_with_a_bar_for_the_text():
    frame, _ = scene.Subject().sits(0)
    frame.y[:, :320] = 20
    frame.y[:, 320:] = 220
    shown = mirror(frame, "turn your head to your left (a little more to your left, slowly)" * 2)
    assert shown.shape == (720 + 72, 960)
    assert shown[300, 100] > 200
    assert shown[300, 900] < 40
    assert shown[720:].max() == 255
