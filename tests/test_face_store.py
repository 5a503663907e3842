"""Which faces may be used here: whose key, for what, and not once consent is withdrawn."""

import hashlib
import json

import pytest

from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.face_command import List
from swapcast.realtime.face_command_consent import Record, Records, Revocations, Revoke, Sign
from swapcast.realtime.face_store import FaceStore, bundled_faces
from swapcast.realtime.identity import read_face, write_face
from swapcast.realtime.keys import SigningKey, fingerprint
from swapcast.realtime.training_consent import carried_record, consent_record
from swapcast.realtime.trust import release_keys
from tests.made_consent import ADA, BO, made_face, made_record


@pytest.fixture
def store(tmp_path):
    return FaceStore(tmp_path / "mine")


@pytest.fixture
def pack(tmp_path):
    write_face(made_face(), tmp_path / "from-a-friend.face")
    return tmp_path / "from-a-friend.face"


def own(store, name="own", **changes):
    """A face that was made on this installation."""
    return made_face(name, made_record(key=store.key, **changes), key=store.key)


def test_faces_are_kept_found_and_removed(store, pack):
    store.add(pack)
    assert store.names() == (*bundled_faces(), "bo")
    assert store.find("bo") == read_face(pack)
    assert store.find(str(pack)) == read_face(pack)
    store.remove("bo")
    with pytest.raises(SwapcastError, match="no face 'bo'; there are: demo"):
        store.find("bo")


def test_bundled_faces_are_of_nobody_and_each_signed_by_its_release_key(store):
    assert bundled_faces()[0] == "demo"
    keys = set()
    for name in bundled_faces():
        face = store.find(name, ["live", "recording", "commercial"])
        assert (face.name, face.consent.kind) == (name, "fictional")
        assert face.public_key == face.consent.public_key
        keys.add(face.public_key)
    assert keys == release_keys()


def test_a_pack_signed_with_a_foreign_key_is_refused_until_it_is_taken_in(store, pack):
    with pytest.raises(ConsentError, match=f"key unknown here, {fingerprint(BO.public)}"):
        store.find(str(pack))
    said = []
    taking = FaceStore(store.folder, on_event=said.append)
    taking.add(pack)
    assert any(fingerprint(BO.public) in line and "not who signed" in line for line in said)
    assert store.find(str(pack), ["live"]).name == "bo"


def test_what_this_installation_made_needs_no_taking_in(store, tmp_path):
    write_face(own(store), tmp_path / "own.face")
    assert store.find(str(tmp_path / "own.face")).name == "own"


def test_another_key_for_a_known_person_is_refused_until_its_fingerprint_is_named(store, tmp_path):
    write_face(made_face(), tmp_path / "bo.face")
    store.add(tmp_path / "bo.face")
    new = SigningKey.generate()
    write_face(made_face("bo2", made_record(key=new)), tmp_path / "bo2.face")
    with pytest.raises(ConsentError, match="another key is known for 'Bo'"):
        store.add(tmp_path / "bo2.face")
    with pytest.raises(ConsentError, match="another key is known for 'Bo'"):
        store.add(tmp_path / "bo2.face", trust="0000-0000-0000-0000")
    store.add(tmp_path / "bo2.face", trust=fingerprint(new.public))
    assert store.find("bo2").consent.public_key == new.public


def test_a_use_that_the_record_leaves_out_is_refused(store, tmp_path):
    store.keep(own(store, scope=("live",)))
    store.find("own", ["live"])
    with pytest.raises(ConsentError, match=r"face 'own'.*is for live, not for recording"):
        store.find("own", ["live", "recording"])


def test_a_name_cannot_leave_the_folder(store, tmp_path):
    for name in ("../evil", "demo", "", "a/b", "x" * 65):
        write_face(made_face(name), tmp_path / "a.face")
        with pytest.raises(SwapcastError, match=r"no plain name|bundled"):
            store.add(tmp_path / "a.face")
    with pytest.raises(SwapcastError, match="no face"):
        store.remove("../a")
    assert (tmp_path / "a.face").exists()


def test_a_revoked_face_is_refused_wherever_it_appears(store, pack, tmp_path):
    face = store.add(pack)
    store.revoke("bo")
    for refused in (
        lambda: store.find("bo"),
        lambda: store.find(str(pack)),
        lambda: store.add(pack),
        lambda: store.record("Bo"),
        lambda: store.keep_record(face.consent),
        lambda: carried_record([{"subject": "Bo", "consent": face.consent.plain()}], store),
    ):
        with pytest.raises(ConsentError, match="'Bo' was revoked on"):
            refused()
    # Another face under the same record, too.
    write_face(made_face("other", face.consent), tmp_path / "other.face")
    with pytest.raises(ConsentError, match="revoked"):
        store.add(tmp_path / "other.face")


def test_the_bundled_face_can_be_barred_too(store):
    store.revoke("demo")
    with pytest.raises(ConsentError, match="revoked"):
        store.find("demo")


def test_a_record_that_nobody_here_knows_is_revoked_by_its_number(store, pack):
    record_id = read_face(pack).consent.id
    assert store.revoke(record_id) == [record_id]
    with pytest.raises(ConsentError, match="revoked"):
        store.add(pack)
    with pytest.raises(SwapcastError, match="no face, subject or record 'cy' to revoke"):
        store.revoke("cy")


def test_a_subject_revokes_for_everybody_and_a_stranger_for_nobody(tmp_path):
    bo, ada, mallory = (FaceStore(tmp_path / name) for name in ("bo", "ada", "mallory"))
    said = []
    Sign(
        statement="Ada may.",
        subject="Bo",
        maker="Ada",
        out=tmp_path / "bo.json",
        accept_policy=True,
    )(bo, said.append)
    record = ada.record(str(tmp_path / "bo.json"))
    ada.keep(made_face("bo", record, key=ada.key))
    mallory.revoke(record.id)
    Revocations("export", tmp_path / "lies.json")(mallory, said.append)
    Revocations("import", tmp_path / "lies.json")(ada, said.append)
    ada.find("bo", ["live"])
    Revoke(record.id)(bo, said.append)
    Revocations("export", tmp_path / "list.json")(bo, said.append)
    Revocations("import", tmp_path / "list.json")(ada, said.append)
    assert said[-1] == "took in 1 new revocations"
    with pytest.raises(ConsentError, match="'Bo' was revoked"):
        ada.find("bo", ["live"])
    assert ada.revocations.take(tmp_path / "list.json") == 0


def test_a_revocation_list_that_was_changed_or_is_none_is_refused(store, tmp_path):
    store.revoke("demo")
    path = tmp_path / "list.json"
    store.revocations.export(path)
    value = json.loads(path.read_text())
    value["revoked"][0]["id"] = "0" * 32
    path.write_text(json.dumps(value))
    other = FaceStore(tmp_path / "other")
    with pytest.raises(ConsentError, match="was changed"):
        other.revocations.take(path)
    for text in ("{}", "[]", "{", '{"revoked": [1]}', '{"revoked": [{"id": 1}]}'):
        path.write_text(text)
        with pytest.raises(ConsentError, match=r"list\.json"):
            other.revocations.take(path)
    with pytest.raises(SwapcastError, match="no revocation list"):
        other.revocations.take(tmp_path / "missing.json")


@pytest.mark.parametrize("name", ["trust.json", "revoked.json", "people.json"])
def test_a_damaged_list_is_never_taken_for_an_empty_one(store, pack, name):
    store.add(pack)
    store.revoke("demo")
    (store.folder / name).write_text('{"revoked": 1, "keys": 1, "people": 1}')
    with pytest.raises(ConsentError, match=name.replace(".", r"\.")):
        store.add(pack)


def test_a_damaged_record_or_pack_in_the_store_is_said(store, pack):
    record = store.add(pack).consent
    (store.folder / "faces" / "bo.face").write_bytes(b"damaged")
    said = []
    List()(store, said.append)
    assert any("bo               may not be used: " in line for line in said)
    store.remove("bo")
    (store.folder / "records" / f"{record.id}.consent.json").write_text("{")
    with pytest.raises(ConsentError, match=r"consent\.json is damaged"):
        store.record("Bo")


def test_a_statement_signed_by_its_subject_serves_the_maker(tmp_path):
    bo, ada = FaceStore(tmp_path / "bo"), FaceStore(tmp_path / "ada")
    said, file = [], tmp_path / "bo.consent.json"
    Sign(statement="Ada may.", subject="Bo", maker="Ada", out=file, accept_policy=True)(
        bo, said.append
    )
    assert fingerprint(bo.key.public) in said[-1]
    given = {"fictional": lambda: made_record(kind="fictional"), "subject": ""}
    record = consent_record(str(file), tmp_path / "faces", ada, **given)
    assert (record.kind, record.subject, record.scope) == ("signed", "Bo", ("live",))
    Record(file)(ada, said.append)
    Records()(ada, said.append)
    assert record.id in said[-1]
    for word in (record.id, "Bo"):
        assert consent_record(word, tmp_path / "faces", ada, **given) == record
    # On the machine where it was signed it proves nothing about somebody else.
    with pytest.raises(ConsentError, match="signed on this very installation"):
        consent_record(str(file), tmp_path / "faces", bo, **given)


def test_references_are_kept_only_as_the_record_lists_them(store):
    sums = {"front.jpg": hashlib.sha256(b"picture").hexdigest()}
    record = made_record(
        kind="self", key=store.key, evidence={"challenges": ["left"], "references": sums}
    )
    for references in ({"front.jpg": b"other"}, {"side.jpg": b"x"}, {"../front.jpg": b"picture"}):
        with pytest.raises(ConsentError, match="does not list"):
            store.keep_record(record, references)
    store.keep_record(record, {"front.jpg": b"picture"})
    assert (store.folder / "references" / record.id / "front.jpg").read_bytes() == b"picture"


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        (None, "carry no consent record"),
        ([], "carry no consent record"),
        ([{"subject": "Bo"}], "no consent record"),
        ([{"subject": "Bo", "consent": {"kind": "self", "statement": "I."}}], "not signed"),
        ([{"subject": "Cy", "consent": made_record().plain()}], "another subject"),
        (
            [{"subject": "Bo", "consent": made_record().plain()} for _ in range(2)],
            "different consent records",
        ),
        (
            [{"subject": "Bo", "consent": {**made_record().plain(), "expires": "2999-01-01"}}],
            "was changed",
        ),
        ([{"subject": "Bo", "consent": made_record().plain()}], "key unknown here"),
    ],
)
def test_what_a_training_carries_is_checked_anew(store, sources, why):
    with pytest.raises(ConsentError, match=why):
        carried_record(sources, store)


def test_a_record_that_holds_comes_through_the_training(store):
    record = made_record(key=store.key)
    row = {"subject": "Bo", "consent": json.loads(json.dumps(record.plain()))}
    assert carried_record([row, row], store) == record


def test_ada_is_who_made_the_pack(store, pack):
    store.add(pack)
    assert store.trust.of("Ada") == [ADA.public]
    assert store.trust.of("Bo") == [BO.public]
