"""Whose face is swapped: what the settings ask for, and whom the references show."""

import hashlib
from contextlib import ExitStack
from importlib import resources

import cv2
import numpy as np
import pytest
from made_consent import made_record

from swapcast.realtime.clip import Clip
from swapcast.realtime.embedding import face_embedder
from swapcast.realtime.errors import SettingError, SourceError
from swapcast.realtime.face_store import FaceStore
from swapcast.realtime.frame import Face
from swapcast.realtime.guard import Guard
from swapcast.realtime.meter import Meter
from swapcast.realtime.recognised import Recognised
from swapcast.realtime.references import enrolled_here, reference_vectors
from swapcast.realtime.settings import Live
from swapcast.realtime.who import Everybody, Largest
from swapcast.realtime.whose import open_who, worn_faces


@pytest.fixture(scope="module")
def embed():
    return face_embedder()


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    """A picture of the person in the bundled clip."""
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
        frame = next(iter(Clip(path=clip).frames()))
    half = frame.height // 2
    i420 = np.vstack([frame.y[:, : frame.width]] + [
        plane[:, : frame.width // 2].reshape(half // 2, frame.width) for plane in (frame.u, frame.v)
    ])  # fmt: skip
    path = tmp_path_factory.mktemp("talker") / "talker.png"
    cv2.imwrite(str(path), cv2.cvtColor(np.ascontiguousarray(i420), cv2.COLOR_YUV2BGR_I420))
    return path


def opened(settings, folder, **more):
    told = []
    with ExitStack() as stack:
        meter = Meter(say=told.append)
        who = open_who(settings, FaceStore(folder), meter, stack, detached=False, **more)
    return who, told


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, "largest"),
        ({"who": "all"}, "all"),
        ({"who": "largest"}, "largest"),
        ({"reference": ("a.jpg",)}, "enrolled"),
        ({"map": ("a.jpg=demo",)}, "map"),
    ],
)
def test_what_is_given_says_who_is_swapped(given, kind):
    assert Live(**given).kind_of_who(enrolled=False) == kind
    assert Live(**given).kind_of_who(enrolled=True) == ("enrolled" if not given else kind)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"who": "largest", "reference": ("a.jpg",)}, "--reference is for --who enrolled"),
        ({"who": "all", "map": ("a.jpg=demo",)}, "leave out --reference and --who"),
        ({"reference": ("b.jpg",), "map": ("a.jpg=demo",)}, "leave out --reference"),
        ({"who": "map"}, "--map anna.jpg=demo"),
        ({"map": ("a.jpg",)}, "REFERENCE=FACE"),
        ({"map": ("a.jpg=demo", "a.jpg=other")}, "two faces"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, said):
    with pytest.raises(SettingError, match=said):
        Live(**given)


def test_nobody_to_recognise_is_said(tmp_path):
    with pytest.raises(SettingError, match="face enroll"):
        opened(Live(who="enrolled"), tmp_path)
    with pytest.raises(SettingError, match="nobody of that name"):
        opened(Live(reference=("Anna",)), tmp_path)


def test_everybody_and_the_largest_need_no_network(tmp_path):
    assert isinstance(opened(Live(who="all"), tmp_path)[0], Everybody)
    assert isinstance(opened(Live(), tmp_path)[0], Largest)


def test_faces_that_are_worn_are_opened_once_each():
    assert worn_faces(Live(face="bo")) == ("bo",)
    assert worn_faces(Live(map=("a.jpg=demo", "b.jpg=bo", "c.jpg=demo"))) == ("demo", "bo")


def test_a_reference_is_one_clear_face(talker, embed, tmp_path):
    (vector,) = reference_vectors([str(talker)], FaceStore(tmp_path), embed)
    assert vector @ vector == pytest.approx(1, abs=1e-3)
    picture = cv2.imread(str(talker))
    for name, wrong, said in (
        ("none.png", np.full_like(picture, 90), "no face"),
        ("two.png", np.hstack([picture, picture]), "2 faces"),
        ("far.png", cv2.resize(picture, None, fx=0.09, fy=0.09), "no face|too small"),
    ):
        cv2.imwrite(str(tmp_path / name), wrong)
        with pytest.raises(SettingError, match=said):
            reference_vectors([str(tmp_path / name)], FaceStore(tmp_path), embed)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(SourceError):
        reference_vectors([str(tmp_path / "text.png")], FaceStore(tmp_path), embed)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="holds no pictures"):
        reference_vectors([str(tmp_path / "empty")], FaceStore(tmp_path), embed)


def test_whoever_is_enrolled_here_is_found_by_name_until_the_enrolment_is_revoked(
    talker, embed, tmp_path
):
    store = FaceStore(tmp_path)
    picture = talker.read_bytes()
    sums = {"front.png": hashlib.sha256(picture).hexdigest()}
    evidence = {"challenges": ["turned left"], "references": sums}
    record = made_record(subject="Anna", kind="self", key=store.key, evidence=evidence, maker="")
    store.keep_record(record, {"front.png": picture})
    assert enrolled_here(store) == (record.id,)
    assert len(reference_vectors(["Anna"], store, embed)) == 1
    who, told = opened(Live(), tmp_path)
    assert isinstance(who, Recognised)
    assert any("enrolled here only" in line for line in told)
    store.revoke(record.id)
    assert enrolled_here(store) == ()
    assert isinstance(opened(Live(), tmp_path)[0], Largest)


def test_the_person_of_the_reference_is_swapped_in_the_bundled_clip(talker, embed, tmp_path):
    who, _ = opened(Live(reference=(str(talker),)), tmp_path)
    with resources.as_file(resources.files("swapcast.assets") / "demo.mp4") as clip:
        frames = [frame for frame in Clip(path=clip).frames() if frame.number % 6 == 0]
    truth = resources.files("swapcast.assets") / "demo_truth.npz"
    with resources.as_file(truth) as path, np.load(path) as kept:
        landmarks = kept[kept.files[0]].astype(np.float32)
    swapped = 0
    for frame in frames:
        points = landmarks[frame.number]
        five = np.stack([points[36:42].mean(0), points[42:48].mean(0), *points[[30, 48, 54]]])
        box = np.concatenate([points.min(0), points.max(0)])
        face = Face(box, 1.0, five, points, np.ones(68, np.float32), 1)
        swapped += bool(who(frame, (face,), Guard()).wearers)
    assert swapped >= len(frames) - 2
