"""A `.face` pack is what its maker sealed, or it is refused in one line that says why."""

import json
import os
import stat
import struct
import time
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.identity import Identity, read_consent, read_face, seal_face, write_face
from tests.made_consent import ADA, BO, made_face, made_record

NAMES = ("identity.json", "swapper.onnx", "thumbnail.jpg")


@pytest.fixture
def pack(tmp_path):
    path = tmp_path / "bo.face"
    write_face(made_face(), path)
    return path


def rewritten(path, change):
    """Copy a pack with ``change`` applied to its members, a dict of bytes by name."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    out = path.with_name("changed.face")
    with zipfile.ZipFile(out, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)
    return out


def about(change):
    """Return a change of the parsed identity.json."""

    def apply(members):
        value = json.loads(members["identity.json"])
        change(value)
        members["identity.json"] = json.dumps(value).encode()

    return apply


def test_a_pack_comes_back_as_it_was_written(pack):
    face = read_face(pack)
    assert face.name == "bo"
    assert (face.network, face.thumbnail) == (b"network", b"picture")
    assert face.consent.statement == "Ada may wear my face."
    assert (face.consent.public_key, face.public_key) == (BO.public, ADA.public)
    assert [path.name for path in pack.parent.iterdir()] == ["bo.face"]


def test_the_same_content_makes_the_same_file(pack):
    again = pack.with_name("again.face")
    write_face(read_face(pack), again)
    assert again.read_bytes() == pack.read_bytes()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (about(lambda a: a.pop("consent")), "no consent record"),
        (about(lambda a: a.update(consent={})), "no consent record"),
        (about(lambda a: a["consent"].pop("signature")), "not signed"),
        (about(lambda a: a["consent"].update(statement="All may.")), "was changed"),
        (about(lambda a: a["consent"].update(subject="Cy")), "was changed"),
        (about(lambda a: a.pop("signature")), "unsigned"),
        (about(lambda a: a.update(signature="00")), "not the one its maker signed"),
        (about(lambda a: a.update(name="cy")), "not the one its maker signed"),
        (about(lambda a: a.update(public_key=BO.public)), "not the one its maker signed"),
        (about(lambda a: a["made"].update(licence="MIT")), "not the one its maker signed"),
        (about(lambda a: a.update(consent=made_record().plain())), "not the one its maker signed"),
        (about(lambda a: a.update(format=3)), "newer form"),
        (about(lambda a: a.update(format=1)), "older form"),
        (lambda m: m.update({"swapper.onnx": b"another"}), r"swapper\.onnx is not the one"),
        (lambda m: m.update({"thumbnail.jpg": b"another"}), r"thumbnail\.jpg is not the one"),
    ],
)
def test_a_pack_of_which_anything_is_missing_or_changed_is_refused(pack, change, why):
    with pytest.raises(ConsentError, match=why) as caught:
        read_face(rewritten(pack, change))
    assert "\n" not in str(caught.value)
    assert "changed.face" in str(caught.value)


def test_another_network_is_refused_even_if_its_checksum_is_put_right(pack):
    import hashlib

    def change(members):
        members["swapper.onnx"] = b"another"
        total = hashlib.sha256(b"another").hexdigest()
        about(lambda a: a["sha256"].update({"swapper.onnx": total}))(members)

    with pytest.raises(ConsentError, match="not the one its maker signed"):
        read_face(rewritten(pack, change))


def test_an_identity_that_was_put_together_by_hand_is_refused():
    face = made_face()
    face.authorise(["live"])
    for other in (
        Identity("bo", made_record(), b"network", b"picture"),
        replace(face, network=b"another"),
        replace(face, consent=made_record(scope=("commercial", "live", "recording"))),
        replace(face, name="cy"),
    ):
        with pytest.raises(ConsentError, match="not the one its maker signed"):
            other.authorise(["live"])
    with pytest.raises(ConsentError, match="not for commercial"):
        face.authorise(["commercial"])


def test_nothing_is_sealed_or_written_without_a_record_that_holds(tmp_path):
    changed = replace(made_record(), statement="Everything is allowed.")
    with pytest.raises(ConsentError, match="was changed"):
        seal_face("bo", changed, b"", b"", {}, key=ADA)
    with pytest.raises(ConsentError, match="not the one its maker signed"):
        write_face(replace(made_face(), network=b"another"), tmp_path / "bo.face")
    assert not list(tmp_path.iterdir())


def test_whose_face_an_ended_pack_is_can_still_be_told(pack):
    assert read_consent(pack).subject == "Bo"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.face"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bomb:
        for name in NAMES:
            with bomb.open(name, "w") as member:
                for _ in range(256 if name == "swapper.onnx" else 1):
                    member.write(bytes(1 << 20))
    assert path.stat().st_size < 300_000
    began = time.perf_counter()
    with pytest.raises(SwapcastError, match="would unpack to 268435456 bytes"):
        read_face(path)
    assert time.perf_counter() - began < 0.5


def write_zip(path, members, attributes=0):
    with zipfile.ZipFile(path, "w") as out:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes << 16
            out.writestr(info, data)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_other_names_twice_or_as_links_are_refused(tmp_path):
    plain = [(name, b"{}") for name in NAMES]
    evil = tmp_path / "evil.face"
    for members, attributes in (
        ([*plain[:2], ("../thumbnail.jpg", b"")], 0),
        ([*plain[:2], ("/etc/thumbnail.jpg", b"")], 0),
        ([*plain, ("more.txt", b"")], 0),
        (plain[:2], 0),
        ([plain[0], plain[1], plain[1]], 0),
        (plain, stat.S_IFLNK | 0o777),
        ([("identity.json", b" " * (2 << 20)), *plain[1:]], 0),
    ):
        write_zip(evil, members, attributes)
        with pytest.raises(SwapcastError, match=r"evil\.face is no \.face pack"):
            read_face(evil)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.face"]


def test_a_lying_directory_is_refused(pack):
    data = bytearray(pack.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    for place, value in ((10, 60_000), (12, 2**31), (16, 2**31)):
        changed = bytearray(data)
        struct.pack_into("<H" if place < 12 else "<L", changed, end + place, value)
        pack.write_bytes(changed)
        with pytest.raises(SwapcastError, match=r"no \.face pack"):
            read_face(pack)
    # The member says that it is smaller than it is.
    central = data.find(b"PK\x01\x02")
    struct.pack_into("<L", data, central + 24, 3)
    pack.write_bytes(data)
    with pytest.raises(SwapcastError, match=r"no \.face pack"):
        read_face(pack)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_or_a_folder_in_place_of_the_file_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.face")
    (tmp_path / "folder.face").mkdir()
    for name in ("pipe.face", "folder.face"):
        with pytest.raises(SwapcastError, match=name):
            read_face(tmp_path / name)


@given(data=st.binary(max_size=300))
def test_any_other_file_gives_one_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("face") / "x.face"
    path.write_bytes(data)
    with pytest.raises(SwapcastError, match=r"x\.face"):
        read_face(path)


def test_a_pack_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(SwapcastError, match="cannot be written"):
        write_face(made_face(), tmp_path / "no folder" / "bo.face")
    (tmp_path / "bo.face").mkdir()
    with pytest.raises(SwapcastError, match="cannot be written"):
        write_face(made_face(), tmp_path / "bo.face")
    assert [path.name for path in tmp_path.iterdir()] == ["bo.face"]
