"""`swapcast ctl face NAME`: another face is made ready beside the running picture, then worn."""

import threading
import time
from contextlib import suppress

import pytest

from swapcast.realtime.__main__ import main
from swapcast.realtime.control import run, running
from swapcast.realtime.errors import ConsentError, SettingError, SwapcastError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.face_switch import FaceSwitch
from swapcast.realtime.student import Base, keep_base
from tests.made_consent import ADA, BO, made_face, made_record
from tests.made_onnx import student_base, swapper_network
from tests.test_student_face import student_face


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def until(reached, seconds=20.0):
    """Wait for what another thread does."""
    ends = time.monotonic() + seconds
    while not reached() and time.monotonic() < ends:
        time.sleep(0.01)
    assert reached()


class Faces:
    """A store in which 'bad' may not be used; it notes what was opened and closed."""

    def __init__(self):
        self.open, self.worn, self.said = [], [], []

    def __call__(self, name, stack):
        if name == "bad":
            raise ConsentError("it is revoked")
        self.open.append(name)
        stack.callback(self.open.remove, name)
        return name


def test_faces_are_worn_in_the_order_they_are_asked_for_and_closed_in_the_end():
    faces = Faces()
    switch = FaceSwitch("a", faces, faces.worn.append, faces.said.append)
    with switch.ready():
        for name in ("b", "c", "d"):
            switch.use(name)
            until(lambda name=name: switch.name == name)
        until(lambda: faces.open == ["c", "d"])  # the one before may be at work on a frame
    assert faces.worn == ["b", "c", "d"]
    assert faces.open == []


def test_a_face_that_may_not_be_used_changes_nothing():
    faces = Faces()
    switch = FaceSwitch("a", faces, faces.worn.append, faces.said.append)
    with switch.ready():
        switch.use("bad")
        until(lambda: "the face stays a: it is revoked" in faces.said)
        assert (switch.name, faces.worn) == ("a", [])
        switch.use("b")
        until(lambda: switch.name == "b")


def test_a_run_that_cannot_change_says_why():
    switch = FaceSwitch("a", Faces(), print, refusal="a recording names one face")
    with pytest.raises(SettingError, match="names one face"):
        switch.use("b")


def kept_faces():
    """Keep one face with a network, and one of the student with a base."""
    store, record = face_store(), made_record(scope=("live",))
    store.trust.take(BO.public, "Bo")
    store.trust.take(ADA.public, "Ada")
    store.keep(made_face("bo", record, network=swapper_network()))
    keep_base(Base(student_base()))
    store.keep(student_face((0.4, 0, 0, 0), name="cy", consent=record))
    return store


@pytest.mark.slow
def test_a_running_picture_changes_its_face_and_the_log_says_so(home):
    store, said = kept_faces(), []

    def asks():
        until(lambda: bool(running()))
        for name in ("nobody", "cy"):
            with suppress(SwapcastError):
                run(["face", name], said.append)
            time.sleep(0.2)

    asking = threading.Thread(target=asks)
    asking.start()
    words = ["--source", "synthetic", "--sink", "null", "--seconds", "4", "--report", "r.json"]
    main(["live", *words, "--face", "bo"])
    asking.join()
    events = (home / "r.json").read_text()
    assert "face cy" in events
    assert "the face stays bo: no face 'nobody'" in events
    started = [entry for entry in store.audit.entries() if entry.event == "session started"]
    assert len(started) == 2


@pytest.mark.slow
def test_a_recording_keeps_its_face(home, capsys):
    kept_faces()
    refused = []

    def asks():
        until(lambda: bool(running()))
        try:
            run(["face", "cy"], print)
        except SettingError as error:
            refused.append(str(error))

    asking = threading.Thread(target=asks)
    asking.start()
    main(["live", "--source", "synthetic", "--sink", "a.mp4", "--seconds", "2"])
    asking.join()
    assert "manifest names one face" in refused[0]
