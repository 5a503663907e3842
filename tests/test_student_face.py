"""A face of the student: a vector in a small pack, baked at load into the base it names."""

import time
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from swapcast.realtime.__main__ import main
from swapcast.realtime.consent import issue_record
from swapcast.realtime.embedding import FaceEmbedder
from swapcast.realtime.errors import ConsentError, ModelError, SettingError, SwapcastError
from swapcast.realtime.face_pictures import Portrait, find_portraits, of_one_person
from swapcast.realtime.face_store import bundled_faces, face_store
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.identity import read_face, seal_face, write_face
from swapcast.realtime.release import Release, release
from swapcast.realtime.sources import SourceSettings, open_source
from swapcast.realtime.student import (
    Base,
    bases_folder,
    find_base,
    keep_base,
    network_of,
    timed_network,
    vector_bytes,
)
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.weights import find_metadata, find_weights
from tests.made_consent import ACCEPTED, ADA, made_record
from tests.made_onnx import portrait_reader, student_base, swapper_network
from tests.test_no_face_without_consent import CLIP, refusal

BASE = Base(student_base())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty store, as of a new user."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def vector(*values):
    return np.array(values, np.float32)


def student_face(numbers, base=BASE, **changes):
    values = {"name": "bo", "consent": made_record(), "network": vector_bytes(vector(*numbers))}
    parts = {**values, "thumbnail": b"picture", "made": {"tool": "t"}, **changes}
    return seal_face(**parts, key=ADA, base=base.sha256)


def test_weights_are_found_as_the_onnx_package_finds_them():
    for file in (student_base(), portrait_reader(), swapper_network()):
        proto = onnx.load_model_from_string(file)
        found = find_weights(file)
        assert set(found) == {weight.name for weight in proto.graph.initializer}
        for weight in proto.graph.initializer:
            expected = numpy_helper.to_array(weight).astype(np.float32)
            np.testing.assert_array_equal(found[weight.name].read(file), expected)
        assert find_metadata(file) == {p.key: p.value for p in proto.metadata_props}


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, b"PK\x03\x04" + bytes(50)])
def test_what_is_no_network_is_said(damage):
    with pytest.raises(ModelError):
        Base(damage).bake(vector(0, 0, 0, 0))


def test_every_shortened_base_is_refused_in_one_line():
    whole = student_base()
    for end in range(0, len(whole) - 1, 7):
        with pytest.raises(ModelError):
            Base(whole[:end]).bake(vector(0, 0, 0, 0))


def test_the_vector_decides_what_the_swapper_paints():
    keep_base(BASE)
    line = np.linspace(0, 1, 64, dtype=np.float32)
    picture = np.stack([line + 0 * line[:, None], line[:, None] + 0 * line, line * line[:, None]])
    for numbers in ((0, 0, 0, 0), (0.5, 0, -0.5, 0.125)):
        with Swapper(student_face(numbers), uses=["live"]) as swap:
            swap.crop[0] = picture
            painted, mask = swap()
            by = 1 + vector(*numbers[:3])[:, None, None]
            wanted = (0.5 * picture + 0.1) * by + numbers[3]
            np.testing.assert_allclose(painted, wanted, atol=2e-3)
            assert mask is None


def test_a_pack_of_a_vector_is_small_and_comes_back_as_it_was_written(home):
    face = student_face((0.1, 0.2, 0.3, 0))
    write_face(face, home / "bo.face")
    assert read_face(home / "bo.face") == face
    assert (home / "bo.face").stat().st_size < 8000


def test_a_changed_vector_or_base_is_refused(home):
    face = student_face((0.1, 0.2, 0.3, 0))
    other = vector_bytes(vector(0.9, 0.2, 0.3, 0))
    for changed in (replace(face, network=other), replace(face, base="0" * 64)):
        with pytest.raises(ConsentError, match="not the one its maker signed"):
            write_face(changed, home / "bo.face")
    write_face(face, home / "bo.face")
    with zipfile.ZipFile(home / "bo.face") as pack:
        members = {name: pack.read(name) for name in pack.namelist()}
    members["vector.f32"] = other
    with zipfile.ZipFile(home / "changed.face", "w") as pack:
        for name, data in members.items():
            pack.writestr(name, data)
    with pytest.raises(ConsentError, match=r"vector\.f32"):
        read_face(home / "changed.face")
    members["swapper.onnx"] = members.pop("vector.f32")
    with zipfile.ZipFile(home / "renamed.face", "w") as pack:
        for name, data in members.items():
            pack.writestr(name, data)
    with pytest.raises(ConsentError, match="lacks a part"):
        read_face(home / "renamed.face")


def test_a_face_whose_base_is_not_here_says_what_to_do():
    with pytest.raises(ModelError, match=r"base network .* make the face anew"):
        Swapper(student_face((0, 0, 0, 0)), uses=["live"])


def test_a_vector_of_another_base_is_refused():
    keep_base(BASE)
    with pytest.raises(ModelError, match="3 numbers, its base network wants 4"):
        Swapper(student_face((0, 0, 0)), uses=["live"])


def test_a_damaged_base_is_not_taken_for_the_one_that_was_signed():
    keep_base(BASE)
    (bases_folder() / f"{BASE.sha256}.onnx").write_bytes(BASE.network + b"x")
    with pytest.raises(ModelError, match="does not have"):
        find_base(BASE.sha256)


def test_a_base_by_itself_is_nobodys_swapper():
    face = seal_face("bo", made_record(), BASE.network, b"p", {}, key=ADA)
    with pytest.raises(ModelError, match="no swapper"):
        Swapper(face, uses=["live"])


def test_a_bundled_face_is_released_with_its_network_baked_in(home):
    keep_base(BASE)
    record = issue_record(
        subject="a render", kind="fictional", statement="Rendered.", scope=("live",), key=ADA,
        policy=ACCEPTED,
    )  # fmt: skip
    face = student_face((0.5, 0, -0.5, 0.125), consent=record)
    write_face(face, home / "demo.face")
    release(Release(pack=home / "demo.face", keys=home / "keys.txt"))
    released = read_face(home / "demo.face")
    assert (released.base, released.name) == ("", "demo")
    (bases_folder() / f"{BASE.sha256}.onnx").unlink()
    with Swapper(released, uses=["live"]) as swap:
        swap.crop[0] = np.linspace(0, 1, 64, dtype=np.float32)
        np.testing.assert_allclose(
            swap()[0][0], (0.5 * swap.crop[0, 0] + 0.1) * 1.5 + 0.125, atol=2e-3
        )


def test_a_bare_network_is_released_once_its_maker_says_whom_it_shows(home):
    (home / "ann.onnx").write_bytes(swapper_network({"version": "1", "architecture": "a"}))
    bare = {"pack": home / "ann.onnx", "keys": home / "keys.txt", "name": "ann"}
    with pytest.raises(SwapcastError, match="whom does it show"):
        release(Release(**bare, subject="a render"))
    release(Release(**bare, subject="a render", statement="Rendered by me."))
    released = read_face(home / "ann.face")
    assert (released.name, released.consent.kind) == ("ann", "fictional")
    assert released.public_key == released.consent.public_key
    assert (home / "keys.txt").read_text() == f"{released.public_key} ann\n"
    assert cv2.imdecode(np.frombuffer(released.thumbnail, np.uint8), 1) is not None
    (home / "ann.onnx").write_bytes(b"no network")
    with pytest.raises(SwapcastError, match="no ONNX file"):
        release(Release(**bare, subject="a render", statement="Rendered by me."))


def test_what_is_timed_for_a_face_is_the_base_that_all_share():
    """So a machine is tuned once, not for every face."""
    keep_base(BASE)
    faces = [student_face((k, 0, 0, 0)) for k in (0, 1)]
    assert timed_network(faces[0]) == timed_network(faces[1]) == BASE.network
    assert network_of(faces[0]) != network_of(faces[1])


def test_baking_takes_well_under_a_second():
    began = time.process_time()
    BASE.bake(vector(0.1, 0.2, 0.3, 0))
    assert time.process_time() - began < 0.5


def first_picture(path):
    """Write the bundled clip's first frame as a picture."""
    source = open_source(CLIP, SourceSettings(), stop=lambda: False, on_event=lambda _: None)
    frame = next(iter(source.frames()))
    planes = np.concatenate(
        [part[:h, :w].ravel() for part, h, w in (
            (frame.y, frame.height, frame.width),
            (frame.u, frame.height // 2, frame.width // 2),
            (frame.v, frame.height // 2, frame.width // 2),
        )]
    )  # fmt: skip
    yuv = planes.reshape(3 * frame.height // 2, frame.width)
    cv2.imwrite(str(path), cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420))
    return path


def write_student(folder):
    folder.mkdir()
    (folder / "student.onnx").write_bytes(BASE.network)
    (folder / "portraits.onnx").write_bytes(portrait_reader())


def test_a_face_is_made_of_pictures_and_worn(home):
    write_student(home / "mine")
    first_picture(home / "nobody.png")
    words = ["face", "add", "nobody", "nobody.png", "--student", "mine", "--accept-policy"]
    main([*words, "--consent", "fictional", "--subject", "a render", "--statement", "Rendered."])
    face = face_store().find("nobody", ["live"])
    assert (face.consent.kind, face.base) == ("fictional", BASE.sha256)
    assert face.made["sources"] == "nobody.png"
    assert face.thumbnail[:2] == b"\xff\xd8"
    main(["live", "--source", CLIP, "--sink", "null", "--seconds", "1", "--face", "nobody"])
    events = [entry.event for entry in face_store().audit.entries()]
    assert events[-4:] == ["pack made", "pack added", "session started", "session ended"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["bo", "bo.png"], "needs the subject's consent"),
        (["bo", "bo.png", "--consent", "Bo"], "no record 'Bo'"),
        (["bo", "bo.png", "--consent", "fictional"], "needs --subject"),
        (["demo", "bo.png", "--consent", "Bo"], "bundled face's"),
        (["bo.face", "--consent", "Bo"], "goes with a name and pictures"),
    ],
)
def test_no_face_is_made_of_pictures_without_a_record(home, capsys, words, why):
    first_picture(home / "bo.png")
    write_student(home / "mine")
    with pytest.raises(SystemExit) as ended:
        main(["face", "add", *words, "--student", "mine", "--accept-policy"])
    assert ended.value.code in {1, 2}
    assert why in capsys.readouterr().err
    assert face_store().names() == bundled_faces()


def test_without_a_students_files_it_says_how_to_make_them(home, capsys):
    first_picture(home / "bo.png")
    (home / "empty").mkdir()
    line = ["face", "add", "bo", "bo.png", "--student", "empty", "--accept-policy"]
    said = refusal(
        [*line, "--consent", "fictional", "--subject", "a render", "--statement", "Rendered."],
        capsys,
    )
    assert "swapcast.export.student" in said


def test_pictures_without_a_face_are_left_out_and_said(home):
    first_picture(home / "face.png")
    cv2.imwrite(str(home / "wall.png"), np.full((200, 300, 3), 128, np.uint8))
    said = []
    found = find_portraits([home / "wall.png", home / "face.png"], said.append)
    assert [portrait.path.name for portrait in found] == ["face.png"]
    assert "wall.png: it shows no faces" in said[0]
    with pytest.raises(SettingError, match="no picture shows exactly one face"):
        find_portraits([home / "wall.png"], said.append)
    with pytest.raises(SettingError, match="21 pictures; give 1 to 20"):
        find_portraits([home / "face.png"] * 21, said.append)


class _Colours:
    """An identity network that goes by the colour of the picture."""

    def __init__(self):
        self.provider, self.precision = "cpu", "fp32"
        self.shapes = {"crop": (1, 3, 8, 8)}
        self.metadata = {"swapcast": '{"kind": "embedder", "template": "arcface_112_v2"}'}

    def __call__(self, inputs):
        colour = inputs["crop"].mean((2, 3)) - 0.5
        return [colour / np.linalg.norm(colour)]


def coloured(path, u):
    """A portrait of one colour: people of other colours are other people."""
    planes = [np.full((100, 100), 128, np.uint8), np.full((50, 50), u, np.uint8)]
    points = np.float32([[30, 40], [60, 40], [45, 60], [35, 75], [58, 75]])
    frame = Frame(*planes, planes[1].copy(), 100, 100, Colour("bt601"), 0, 0.0)
    return Portrait(Path(path), frame, points)


def test_pictures_of_somebody_else_are_left_out():
    said = []
    portraits = [coloured(f"{k}.png", 200) for k in range(4)] + [coloured("other.png", 60)]
    kept = of_one_person(portraits, FaceEmbedder(_Colours()), said.append)
    assert [portrait.path.name for portrait in kept] == ["0.png", "1.png", "2.png", "3.png"]
    assert said == ["left out other.png: it looks like somebody else"]
    with pytest.raises(SettingError, match="different people"):
        of_one_person(portraits[3:], FaceEmbedder(_Colours()), said.append)


def test_a_face_of_a_revoked_consent_is_not_made(home, capsys):
    write_student(home / "mine")
    first_picture(home / "bo.png")
    store = face_store()
    record = made_record()
    store.trust.take(record.public_key, "Bo")
    store.keep_record(record)
    store.revoke(record.id)
    line = ["face", "add", "bo", "bo.png", "--student", "mine", "--consent", record.id]
    assert "revoked" in refusal(line, capsys)
    with pytest.raises(SwapcastError):
        store.find("bo")
