"""The audit log names the line that somebody changed, and nobody's name once they are erased."""

import json
import zipfile

import pytest

from swapcast.realtime.audit import AuditLog
from swapcast.realtime.erasure import delete, export_data
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.face_command_data import Delete, Log
from swapcast.realtime.face_store import FaceStore, bundled_faces
from swapcast.realtime.identity import write_face
from swapcast.realtime.keys import SigningKey
from tests.made_consent import BO, made_face, made_record


@pytest.fixture
def log(tmp_path):
    log = AuditLog(tmp_path, SigningKey.generate())
    for number in range(5):
        log.write("something", what=f"{number}", more=["a", "b"])
    return log


def test_an_untouched_log_holds(log):
    assert log.verify() == 5
    assert [entry.number for entry in log.entries()] == [1, 2, 3, 4, 5]
    assert log.entries()[2].about == {"what": "2", "more": ["a", "b"]}
    assert AuditLog(log.path.parent / "none", SigningKey.generate()).verify() == 0


@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize(
    ("tamper", "where"),
    [
        (lambda lines, k: lines.__setitem__(k, lines[k].replace(b"something", b"anything!")), 0),
        (lambda lines, k: lines.pop(k), 0),
        (lambda lines, k: lines.insert(k, lines[k]), 1),
        (lambda lines, k: lines.__setitem__(k, b"{}"), 0),
        (lambda lines, k: lines.__setitem__(k, b"\xff\x00"), 0),
        (lambda lines, k: lines.__setitem__(k, lines[k][:-40]), 0),
    ],
    ids=["changed", "taken out", "put in", "emptied", "garbage", "cut"],
)
def test_tampering_is_found_and_named_by_line(log, number, tamper, where):
    lines = log.path.read_bytes().splitlines()
    tamper(lines, number - 1)
    log.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ConsentError, match=rf"line {number + where}\b"):
        log.verify()


def test_lines_that_changed_places_are_found(log):
    lines = log.path.read_bytes().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    log.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ConsentError, match="line 2"):
        log.verify()


def test_a_cut_off_end_is_found(log):
    lines = log.path.read_bytes().splitlines()
    log.path.write_bytes(b"\n".join(lines[:2]) + b"\n")
    with pytest.raises(ConsentError, match="line 3 and what follows is missing"):
        log.verify()


def test_a_history_written_with_another_key_is_found(log):
    forged = AuditLog(log.path.parent / "forged", SigningKey.generate())
    forged.write("nothing happened")
    log.path.write_bytes(forged.path.read_bytes())
    with pytest.raises(ConsentError, match="line 1: it was changed"):
        log.verify()


def test_a_tampered_log_does_not_become_whole_by_going_on(log):
    lines = log.path.read_bytes().splitlines()
    log.path.write_bytes(b"\n".join([*lines[:-1], b"garbage"]) + b"\n")
    log.write("later")
    with pytest.raises(ConsentError, match="line 5"):
        log.verify()


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(SwapcastError, match="cannot be written"):
        AuditLog(tmp_path, SigningKey.generate()).write("something")


@pytest.fixture
def store(tmp_path):
    """A store with a face of Bo, worn once, and one of Cy."""
    store = FaceStore(tmp_path / "mine")
    for name in ("Bo", "Cy"):
        record = made_record(subject=name, key=BO if name == "Bo" else store.key)
        write_face(made_face(name.lower(), record), tmp_path / "x.face")
        face = store.add(tmp_path / "x.face", trust="")
        with store.session(face, ["live"], ["virtual:/dev/video9", "rtmp://host/secret", "a.mp4"]):
            pass
    return store


def test_a_session_is_logged_without_names_addresses_or_pictures(store):
    text = store.audit.path.read_text()
    for private in ("Bo", "Cy", '"bo"', "secret", "video9", "a.mp4", "picture"):
        assert private not in text
    started = next(e for e in store.audit.entries() if e.event == "session started")
    assert started.about["sinks"] == ["file .mp4", "rtmp", "virtual"]
    assert started.about["uses"] == ["live"]
    said = []
    Log()(store, said.append)
    assert any("session ended" in line and "person Bo" in line for line in said)
    Log(verify=True)(store, said.append)
    assert said[-1] == "6 lines, none changed, none missing"


def test_a_session_that_fails_is_logged_as_ended(store):
    face = store.find("bo")
    with pytest.raises(KeyError), store.session(face, ["live"], ["null"]):
        raise KeyError
    assert store.audit.entries()[-1].event == "session ended"


def test_everything_about_a_person_is_handed_out(store, tmp_path):
    (store.folder / "references" / store.find("bo").consent.id).mkdir(parents=True)
    (store.folder / "references" / store.find("bo").consent.id / "a.jpg").write_bytes(b"Bo")
    store.people.note_place("Bo", tmp_path)
    count = export_data(store, "Bo", tmp_path / "bo.zip")
    with zipfile.ZipFile(tmp_path / "bo.zip") as pack:
        names = pack.namelist()
        log, known = (json.loads(pack.read(n)) for n in ("log.json", "known.json"))
    assert count == len(names) == 5
    assert {name.partition("/")[0] for name in names[:3]} == {"faces", "records", "references"}
    assert [row["event"] for row in log] == ["pack added", "session started", "session ended"]
    assert {row["person"] for row in log} == {"Bo"}
    assert known["keys"] == [BO.public]
    assert known["face sets"] == [str(tmp_path)]
    with pytest.raises(SwapcastError, match="nothing is kept here about 'Nobody'"):
        export_data(store, "Nobody", tmp_path / "n.zip")


def test_a_deleted_person_leaves_nothing_that_can_be_read(store, tmp_path):
    record = store.find("bo").consent
    store.revoke(record.id)
    store.people.note_place("Bo", tmp_path)
    said = []
    Delete("Bo")(store, said.append)
    assert str(tmp_path) in said[-1]
    for path in store.folder.rglob("*"):
        if path.is_file() and path.name != "cy.face":  # in which chance may write two letters
            data = path.read_bytes()
            assert b"Bo" not in data
            assert BO.public.encode() not in data or path.name == "revoked.json"
    assert store.names() == (*bundled_faces(), "cy")
    assert store.audit.verify() > 6
    Log()(store, said.append)
    assert not any("Bo" in line for line in said[2:])
    assert any("person Cy" in line for line in said)
    # The revoked record is still refused.
    write_face(made_face("bo", record), tmp_path / "copy.face")
    with pytest.raises(ConsentError, match="revoked"):
        store.add(tmp_path / "copy.face")
    with pytest.raises(SwapcastError, match="nothing is kept"):
        delete(store, "Bo")
