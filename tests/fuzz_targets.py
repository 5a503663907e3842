"""What is fed with damaged bytes, and what each may do with them.

A target takes the bytes of a file and may return, or raise the program's own errors. Anything else
is a finding. Where the content is signed or summed, a file that is taken must say what the original
said: the targets hold that as well.
"""

import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from swapcast.realtime.commands import parse, settings_words
from swapcast.realtime.consent import ConsentRecord, read_record
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.identity import read_face, seal_face, write_face
from swapcast.realtime.picture_file import picture_frame
from swapcast.realtime.settings import Live
from swapcast.realtime.swapper import Swapper
from tests.fuzz_changes import FOLDER, at, change_json, json_or_bytes, scramble
from tests.fuzz_more import MORE
from tests.made_consent import ADA, made_face, made_record
from tests.made_onnx import swapper_network, write_dfm

RECORD = made_record(expires="2999-01-01", evidence={"log": ["left", {"at": 3}]})
FACE = made_face(record=RECORD, network=swapper_network())


@dataclass(frozen=True)
class Target:
    """A parser, the files it is to read, and what may be done to them."""

    name: str
    seeds: list[bytes]
    read: Callable[[bytes], None]
    change: Callable[[random.Random, bytes], bytes]


def change_pack(rng: random.Random, data: bytes) -> bytes:
    """Change a pack's bytes, or a member, a name, an attribute, and zip it anew."""
    if rng.random() < 0.4:
        return scramble(rng, data)
    out = io.BytesIO()
    method = rng.choice([zipfile.ZIP_DEFLATED] * 6 + [zipfile.ZIP_STORED, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        members = [(name, old.read(name)) for name in old.namelist()]
        if rng.random() < 0.2:
            members.append(rng.choice(members) if rng.random() < 0.5 else ("../../evil", b"x"))
        for name, before in members:
            content = before
            if name == "identity.json" and rng.random() < 0.6:
                content = change_json(rng, before)
            elif rng.random() < 0.2:
                content = scramble(rng, before)
            shown = rng.choice(["/etc/x", "..", "a\x00b"]) if rng.random() < 0.05 else name
            info = zipfile.ZipInfo(shown)
            info.external_attr = rng.choice([0, 0, 0, 0o120777 << 16, 0o100644 << 16])
            if shown not in new.namelist():
                new.writestr(info, content, method)
    return out.getvalue()


# Targets


def read_pack(data: bytes) -> None:
    """A pack that is taken says what the original says."""
    face = read_face(at("fuzz.face", data))
    assert face == FACE, "a changed pack was taken"


def read_consent(data: bytes) -> None:
    """A record that is taken says what the original says."""
    record: ConsentRecord = read_record(at("fuzz.json", data))
    assert record == RECORD, "a changed record was taken"


def read_settings(data: bytes) -> None:
    """A settings file becomes words of a command line, or is refused."""
    words = settings_words(at("fuzz.toml", data), ())
    assert all(isinstance(word, str) for word in words)


def read_line(data: bytes) -> None:
    """The same, and the words become settings, or are refused as usage."""
    try:
        parse(Live, "live", ["--config", str(at("fuzz.toml", data))])
    except SystemExit as ended:
        if ended.code not in {0, 2}:
            raise AssertionError(f"exit code {ended.code}") from ended


def read_training(data: bytes) -> None:
    """A checkpoint is read whole, or refused."""
    from swapcast.models.checkpoint import CheckpointError, read_checkpoint

    try:
        read_checkpoint(at("fuzz.safetensors", data))
    except CheckpointError as error:
        raise SettingError(str(error)) from error


def read_network(data: bytes) -> None:
    """A network in a sealed pack is loaded and run once, or refused."""
    sealed = seal_face("bo", RECORD, data, b"", {}, key=ADA)
    swap = Swapper(sealed, uses=["live"])
    swap.crop[0] = np.linspace(0.1, 0.9, swap.size, dtype=np.float32)
    swap()


def read_model(data: bytes) -> None:
    """A model from elsewhere is wrapped, or refused; it is not run."""
    from swapcast.realtime.external import read_onnx, wrap_dfm

    proto, _ = read_onnx(at("fuzz.onnx", data))
    wrap_dfm(proto, 0.5)


def read_picture(data: bytes) -> None:
    """A picture becomes a frame of bounded size, or is refused."""
    frame = picture_frame(at("fuzz.img", data))
    assert frame.width * frame.height <= 100_000_000


def checkpoint_bytes() -> bytes:
    """Return a small checkpoint."""
    import torch

    from swapcast.models.checkpoint import Checkpoint, write_checkpoint

    path = FOLDER / "seed.safetensors"
    checkpoint = Checkpoint(
        architecture="shared_autoencoder",
        settings={"width": 0.1},
        identities=("a",),
        provenance={"a": [{"subject": "Bo", "consent": RECORD.plain()}]},
        step=3,
        losses={"l1": 0.5},
        tensors={"average.x": torch.arange(6.0).reshape(2, 3), "random": torch.zeros(5)},
    )
    write_checkpoint(checkpoint, path)
    return path.read_bytes()


def pictures() -> list[bytes]:
    """Return one picture of each kind that is read."""
    picture = np.random.default_rng(0).integers(0, 255, (24, 30, 3)).astype(np.uint8)
    forms: list[tuple[str, list[int]]] = [
        (".jpg", []),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".png", []),
        (".bmp", []),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 80]),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
    ]
    return [bytes(cv2.imencode(suffix, picture, how)[1]) for suffix, how in forms]


TOML = b"""source = "clip.mp4"
sink = ["null", "out.mp4"]
face = "demo"
who = "largest"
guard = "blur"
threads = 2
seconds = 1.5
loop = true
fps = 30
"""


def make_target(name: str) -> Target:
    """Make a target by its name; its seeds are made now."""
    return Target(name, *TARGETS[name]())


def pack_bytes() -> bytes:
    """Return a small pack."""
    write_face(FACE, FOLDER / "seed.face")
    return (FOLDER / "seed.face").read_bytes()


def dfms() -> list[bytes]:
    """Return a DFM of each kind."""
    return [write_dfm(FOLDER / "seed.onnx", morph=m).read_bytes() for m in (False, True)]


TARGETS: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "pack": lambda: ([pack_bytes()], read_pack, change_pack),
    "consent": lambda: ([json.dumps(RECORD.plain()).encode()], read_consent, json_or_bytes),
    "toml": lambda: ([TOML], read_settings, scramble),
    "toml-line": lambda: ([TOML], read_line, scramble),
    "checkpoint": lambda: ([checkpoint_bytes()], read_training, scramble),
    "onnx": lambda: ([swapper_network()], read_network, scramble),
    "model": lambda: (dfms(), read_model, scramble),
    "picture": lambda: (pictures(), read_picture, scramble),
    **MORE,
}


def feed(target: Target, data: bytes) -> bool:
    """Give bytes to a target; tells whether they were taken. Findings are raised."""
    said = ""
    try:
        target.read(data)
    except SwapcastError as error:
        said = str(error)
    assert "\n" not in said, f"more than one line: {said}"
    return not said
