"""More that is fed with damaged bytes: lists, looks, orders, face sets, films, manifests."""

import io
import json
import os
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from swapcast.realtime.control import controlled, running
from swapcast.realtime.cover import Cover
from swapcast.realtime.errors import SettingError
from swapcast.realtime.look import find_look
from swapcast.realtime.mark_film import mean_pictures
from swapcast.realtime.meter import Meter
from swapcast.realtime.trust import RevocationList
from tests.fuzz_changes import FOLDER, at, json_or_bytes, scramble
from tests.made_consent import ADA, BO

SIDE = 32


# Revocations


@cache
def _withdrawn() -> tuple[bytes, frozenset[str]]:
    """Return a list of two revocations, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        withdrawn = RevocationList(Path(folder) / "list.json", ADA.public)
        entries = [withdrawn.revoke(name * 16, key) for name, key in (("a1", ADA), ("b2", BO))]
        withdrawn.export(Path(folder) / "out.json")
        whole = (Path(folder) / "out.json").read_bytes()
    return whole, frozenset(json.dumps(entry.plain()) for entry in entries)


def read_revocations(data: bytes) -> None:
    """What is taken in was said by who signed it."""
    own = FOLDER / "own.json"
    own.unlink(missing_ok=True)
    kept = RevocationList(own, ADA.public)
    kept.take(at("fuzz.json", data))
    said = {json.dumps(entry.plain()) for entry in kept.entries()}
    assert said <= _withdrawn()[1], "a changed revocation was taken"


# Looks


def read_look_file(data: bytes) -> None:
    """A look is whole, or refused."""
    find_look(str(at("fuzz.toml", data)))


def look_bytes() -> bytes:
    """Return a look that says everything."""
    return find_look("seamless").toml().encode() + b'based_on = "natural"\n'


# Orders to a running program


def obey(data: bytes) -> None:
    """A program answers any caller within a second, or hangs up, and hears the next one."""
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = folder
        try:
            with controlled(Cover(), Meter()):
                (address,) = running()
                answers = [_said(address, data), _said(address, _framed(b"status"))]
        finally:
            os.environ.pop("XDG_RUNTIME_DIR")
            os.environ.update({} if before is None else {"XDG_RUNTIME_DIR": before})
    assert b'"pid"' in answers[1], "it no longer answers"
    if b'"pid"' not in answers[0]:
        raise SettingError("refused")


def _said(address: str, data: bytes) -> bytes:
    """Send bytes, keep the line open, and return what comes back before it is closed."""
    told = bytearray()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(3)
        caller.connect(address)
        try:
            caller.sendall(data)
            while part := caller.recv(4096):
                told += part
        except ConnectionError:
            pass  # it hung up in the middle of what was said
    return bytes(told)


def _framed(word: bytes) -> bytes:
    return len(word).to_bytes(4, "big") + word


def orders() -> list[bytes]:
    """Return an order of each kind."""
    words = (b"slate", b"blur", b"resume", b"status")
    return [_framed(word) for word in words]


# Face sets


def faceset_bytes() -> bytes:
    """Return the manifest of a face set of two pictures."""
    angle = np.linspace(0, 6.2, 68)
    points = np.stack([np.cos(angle), np.sin(angle)], 1) * SIDE / 4 + SIDE / 2
    consent = {"kind": "signed", "statement": "Take mine.", "signature": "ab12"}
    crops = {name: {"landmarks": points.round(2).tolist()} for name in ("crop0.png", "crop1.png")}
    return json.dumps(
        {
            "subject": "Bo",
            "template": "dfl_whole_face",
            "sources": ["clip.mp4"],
            "licence": "own",
            "consent": consent,
            "crops": crops,
        }
    ).encode()


def shard_bytes() -> bytes:
    """Return a shard of two faces."""
    out = io.BytesIO()
    images = np.full((2, SIDE, SIDE, 3), 90, np.uint8)
    marks = np.stack([_marks()] * 2)
    np.savez_compressed(out, images=images, landmarks=marks, mask=images[..., 0])
    return out.getvalue()


def _marks() -> Any:
    crops = json.loads(faceset_bytes())["crops"]
    return np.array(crops["crop0.png"]["landmarks"], np.float32)


def read_faceset(data: bytes) -> None:
    """A face set with a changed manifest is read from its own folder alone, or refused."""
    _load(data, None)


def read_shard(data: bytes) -> None:
    """A face set with a changed shard is read, or refused."""
    _load(faceset_bytes(), data)


def _load(manifest: bytes, shard: bytes | None) -> None:
    from swapcast.models.faces import FaceSetError, load_faces

    folder = FOLDER / "faces"
    folder.mkdir(exist_ok=True)
    picture = np.full((SIDE, SIDE, 3), 60, np.uint8)
    picture[8:20, 8:20] = 180
    for name in ("crop0.png", "crop1.png"):
        cv2.imwrite(str(folder / name), picture)
    at("faces/faceset.json", manifest)
    (folder / "more.npz").unlink(missing_ok=True)
    if shard is not None:
        at("faces/more.npz", shard)
    try:
        load_faces("bo", [folder], side=SIDE)
    except FaceSetError as error:
        raise SettingError(str(error)) from error


# Films and their manifests


@cache
def film_bytes() -> bytes:
    """Return a film of a few pictures."""
    path = FOLDER / "seed.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(6):
            picture = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(stream.encode(None))
    return path.read_bytes()


def read_film(data: bytes) -> None:
    """A film's pictures are averaged as far as they can be read."""
    for mean in mean_pictures(at("fuzz.mp4", data), 60.0):
        assert np.isfinite(mean).all()


@cache
def signed_bytes() -> bytes:
    """Return a film with a signed manifest."""
    from swapcast.realtime.manifest import Origin, sign_recording

    path = at("signed.mp4", film_bytes())
    with tempfile.TemporaryDirectory() as folder:
        sign_recording(path, Origin("ab" * 32), Path(folder))
    return path.read_bytes()


def read_signed(data: bytes) -> None:
    """A manifest holds only in the film that was signed."""
    from swapcast.realtime.manifest import read_manifest

    told = read_manifest(at("fuzz.mp4", data))
    if told.state != "valid":
        raise SettingError(told.detail or "no manifest")
    # The standard leaves out the file type, empty boxes, and its own boxes' switches and padding.
    assert _boxes(data) == _boxes(signed_bytes()), "a manifest holds in a changed film"
    assert told == read_manifest(at("signed.mp4", signed_bytes())), "a changed manifest holds"


def _boxes(data: bytes) -> list[bytes]:
    """Return the boxes of a film that hold the pictures and say how to read them."""
    found, begin = [], 0
    while begin + 8 <= len(data):
        size = int.from_bytes(data[begin : begin + 4], "big")
        if data[begin + 4 : begin + 8] not in (b"ftyp", b"free", b"uuid"):
            found.append(data[begin : begin + size])
        begin += max(size, 8)
    return found


MORE = {
    "revocations": lambda: ([_withdrawn()[0]], read_revocations, json_or_bytes),
    "look": lambda: ([look_bytes()], read_look_file, scramble),
    "order": lambda: (orders(), obey, scramble),
    "faceset": lambda: ([faceset_bytes()], read_faceset, json_or_bytes),
    "shard": lambda: ([shard_bytes()], read_shard, scramble),
    "film": lambda: ([film_bytes()], read_film, scramble),
    "manifest": lambda: ([signed_bytes()], read_signed, scramble),
}
