import datetime
import json
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.identity import Consent, FaceStore, Identity, read_face, write_face

CONSENT = Consent(
    kind="fictional", subject="nobody", statement="Made by a program.", date="2026-01-02"
)
FACE = Identity("ada", CONSENT, b"network", b"picture", {"tool": "test"})


def rewritten(path, out, change):
    """Copy a pack with ``change`` applied to its parsed identity.json."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "identity.json":
                about = json.loads(data)
                change(about)
                data = json.dumps(about).encode()
            new.writestr(name, data)
    return out


def test_a_pack_comes_back_as_it_was_written(tmp_path):
    write_face(FACE, tmp_path / "ada.face")
    assert read_face(tmp_path / "ada.face") == FACE


def test_a_pack_without_consent_is_refused(tmp_path):
    write_face(FACE, tmp_path / "a.face")
    bare = rewritten(tmp_path / "a.face", tmp_path / "b.face", lambda about: about.pop("consent"))
    with pytest.raises(ConsentError, match="no consent record"):
        read_face(bare)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("kind", "sure", "unknown"),
        ("subject", " ", "names no subject"),
        ("statement", "", "no statement"),
        ("expires", "2026-01-03", "ended on 2026-01-03"),
        ("date", "2999-01-01", "not yet here"),
        ("date", "yesterday", "damaged date"),
    ],
)
def test_a_consent_record_that_does_not_hold_is_refused(tmp_path, field, value, why):
    write_face(FACE, tmp_path / "a.face")
    changed = rewritten(
        tmp_path / "a.face",
        tmp_path / "b.face",
        lambda about: about["consent"].update({field: value}),
    )
    with pytest.raises(ConsentError, match=why):
        read_face(changed)


def test_consent_holds_on_its_last_day():
    record = replace(CONSENT, expires="2026-05-01")
    record.check(datetime.date(2026, 5, 1))
    with pytest.raises(ConsentError):
        record.check(datetime.date(2026, 5, 2))


def test_another_network_under_the_same_record_is_refused(tmp_path):
    write_face(FACE, tmp_path / "a.face")
    with (
        zipfile.ZipFile(tmp_path / "a.face") as old,
        zipfile.ZipFile(tmp_path / "b.face", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, b"another" if name == "swapper.onnx" else old.read(name))
    with pytest.raises(ConsentError, match=r"swapper\.onnx is not the one"):
        read_face(tmp_path / "b.face")


@given(data=st.binary(max_size=300))
def test_any_other_file_gives_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("face") / "x.face"
    path.write_bytes(data)
    with pytest.raises(SwapcastError, match=r"x\.face"):
        read_face(path)


def test_faces_are_kept_found_and_removed(tmp_path):
    store = FaceStore(tmp_path / "faces")
    write_face(FACE, tmp_path / "from-a-friend.face")
    store.add(tmp_path / "from-a-friend.face")
    assert store.names() == ("demo", "ada")
    assert store.find("ada") == FACE
    assert store.find(str(tmp_path / "from-a-friend.face")) == FACE
    store.remove("ada")
    with pytest.raises(SwapcastError, match="no face 'ada'; there are: demo"):
        store.find("ada")


def test_a_name_cannot_leave_the_folder(tmp_path):
    write_face(replace(FACE, name="../evil"), tmp_path / "a.face")
    with pytest.raises(SwapcastError, match="no plain name"):
        FaceStore(tmp_path / "faces").add(tmp_path / "a.face")


def test_the_bundled_face_is_of_nobody():
    face = FaceStore(__import__("pathlib").Path("/nonexistent")).find("demo")
    assert face.consent.kind == "fictional"
