"""The `.face` pack: what a consenting person, or nobody real, looks like to a swapper.

A pack is a zip file of three members: ``identity.json`` (who it is, the consent record and the
network's checksum), ``swapper.onnx`` and ``thumbnail.jpg``. Nothing is swapped without a pack, and
no pack is opened without a consent record that holds.
"""

import datetime
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from swapcast.realtime.errors import ConsentError, SwapcastError

ConsentKind = Literal["self", "signed", "fictional", "external"]
"""Whose word it is: the user's own face, the subject's signed statement, a person who does not
exist, or somebody else's model under a licence that the user declares."""

_MEMBERS = ("identity.json", "swapper.onnx", "thumbnail.jpg")
_LARGEST = 2 << 30  # bytes of one unpacked member: more than any swapper, less than a zip bomb


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Why this face may be used."""

    kind: ConsentKind
    subject: str
    """Whose face it is; for a fictional one, what it was made from."""
    statement: str
    """What the subject, or the maker of a fictional face, says in one sentence."""
    date: str
    """ISO date of the statement."""
    expires: str = ""
    """ISO date after which the face may no longer be used; empty: no end."""

    def check(self, today: datetime.date) -> None:
        """Make sure that the record holds today.

        Raises
        ------
        ConsentError
            If a part is missing or damaged, or the record has expired.
        """
        if self.kind not in get_args(ConsentKind):
            raise ConsentError(
                f"consent of kind {self.kind!r} is unknown; it is one of "
                f"{', '.join(get_args(ConsentKind))}"
            )
        if not self.subject.strip() or not self.statement.strip():
            raise ConsentError("the consent record names no subject or makes no statement")
        try:
            begins = datetime.date.fromisoformat(self.date)
            ends = datetime.date.fromisoformat(self.expires) if self.expires else None
        except ValueError as error:
            raise ConsentError(f"the consent record has a damaged date: {error}") from error
        if begins > today:
            raise ConsentError(f"the consent record begins on {begins}, which is not yet here")
        if ends is not None and ends < today:
            raise ConsentError(f"the consent for {self.subject} ended on {ends}; ask for a new one")


@dataclass(frozen=True, slots=True)
class Identity:
    """An opened `.face` pack."""

    name: str
    consent: Consent
    network: bytes
    """The swapper: an ONNX file."""
    thumbnail: bytes
    """A JPEG picture of the face."""
    made: dict[str, str] = field(default_factory=dict)
    """By what and from what the swapper was made: tool version, architecture, data, licences."""


def write_face(identity: Identity, path: Path) -> None:
    """Write a pack; the file is there whole or not at all.

    Raises
    ------
    ConsentError
        If the consent record does not hold.
    SwapcastError
        If the file cannot be written.
    """
    identity.consent.check(datetime.date.today())
    about = {
        "format": 1,
        "name": identity.name,
        "consent": asdict(identity.consent),
        "made": identity.made,
        "sha256": {
            "swapper.onnx": hashlib.sha256(identity.network).hexdigest(),
            "thumbnail.jpg": hashlib.sha256(identity.thumbnail).hexdigest(),
        },
    }
    try:
        with (
            tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part,
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as pack,
        ):
            contents = (json.dumps(about, indent=1).encode(), identity.network, identity.thumbnail)
            for name, data in zip(_MEMBERS, contents, strict=True):
                # A fixed date: the same content gives the same file.
                pack.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        Path(part.name).replace(path)
        path.chmod(0o644)
    except OSError as error:
        raise SwapcastError(f"the face cannot be written to {path}: {error.strerror}") from error


def read_face(path: Path) -> Identity:
    """Open a pack and make sure that its consent record holds and nothing in it was changed.

    Raises
    ------
    ConsentError
        If the record is missing, does not hold, or the content is not what it was made for.
    SwapcastError
        If there is no such file, or it is no `.face` pack.
    """
    try:
        with zipfile.ZipFile(path) as pack:
            missing = set(_MEMBERS) - set(pack.namelist())
            if missing:
                raise SwapcastError(f"{path} is no .face pack: it has no {', '.join(missing)}")
            if any(pack.getinfo(name).file_size > _LARGEST for name in _MEMBERS):
                raise SwapcastError(f"{path} is no .face pack: a part of it is over 2 GiB")
            parts = {name: pack.read(name) for name in _MEMBERS}
    except OSError as error:
        raise SwapcastError(f"the face {path} cannot be read: {error.strerror}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SwapcastError(f"{path} is no .face pack, or a damaged one: {error}") from error
    try:
        about: dict[str, Any] = json.loads(parts["identity.json"])
        name, sums, made = str(about["name"]), dict(about["sha256"]), dict(about.get("made", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise SwapcastError(f"{path} is no .face pack: identity.json is damaged") from error
    try:
        consent = Consent(**about["consent"])
        consent.check(datetime.date.today())
    except (KeyError, TypeError, AttributeError) as error:
        raise ConsentError(f"{path} has no consent record; no face is used without one") from error
    except ConsentError as error:
        raise ConsentError(f"{path}: {error}") from error
    for part in _MEMBERS[1:]:
        if hashlib.sha256(parts[part]).hexdigest() != sums.get(part):
            raise ConsentError(
                f"{path}: {part} is not the one the consent record was made for; get the pack anew"
            )
    return Identity(name, consent, parts["swapper.onnx"], parts["thumbnail.jpg"], made)


class FaceStore:
    """The folder that keeps the user's faces, one `.face` file each, and the bundled one."""

    def __init__(self, folder: Path, *, on_event: Callable[[str], None] = lambda _: None) -> None:
        self.folder = folder
        self._say = on_event

    def find(self, face: str) -> Identity:
        """Open a face by its name or by the path of its pack.

        Raises
        ------
        SwapcastError
            If there is none of that name.
        """
        path = Path(face)
        if path.suffix == ".face" or os.sep in face:
            return read_face(path)
        kept = self.folder / f"{face}.face"
        if kept.is_file():
            return read_face(kept)
        if face == "demo":
            with resources.as_file(resources.files("swapcast.assets") / "demo.face") as bundled:
                return read_face(bundled)
        raise SwapcastError(f"no face {face!r}; there are: {', '.join(self.names())}")

    def names(self) -> tuple[str, ...]:
        """Return the names of all faces, the bundled one first."""
        return ("demo", *sorted(p.stem for p in self.folder.glob("*.face") if p.stem != "demo"))

    def add(self, path: Path) -> Identity:
        """Keep a copy of a pack, after it was checked, under the name it has inside."""
        identity = read_face(path)
        if not identity.name.replace("-", "").replace("_", "").isalnum():
            raise SwapcastError(f"{path}: {identity.name!r} is no plain name for a face")
        if identity.name == "demo":
            raise SwapcastError(f"{path}: the name 'demo' is the bundled face's")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_face(identity, self.folder / f"{identity.name}.face")
        self._say(f"kept {identity.name} in {self.folder}")
        return identity

    def remove(self, name: str) -> None:
        """Delete a kept face."""
        path = self.folder / f"{name}.face"
        if not path.is_file():
            raise SwapcastError(f"no face {name!r} is kept in {self.folder}")
        path.unlink()
