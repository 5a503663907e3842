"""The `.face` pack: what a consenting person, or nobody real, looks like to a swapper.

A pack is a zip file of three members: ``identity.json`` (who it is, the consent record, the SHA-256
of the other members, and the maker's signature over all that), ``swapper.onnx`` and
``thumbnail.jpg``. A face of the student has no network of its own but a vector, ``vector.f32``;
``identity.json`` then names the base network that it belongs to. Nothing is swapped without a pack,
and no pack is opened whose record does not hold or of which a byte was changed.
"""

import datetime
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from swapcast.realtime.canonical import CanonicalError, canonical, read_object
from swapcast.realtime.consent import ConsentRecord, Use, parse_record
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.keys import SigningKey, holds
from swapcast.realtime.pack_members import BadPackError, read_members

FORMAT = 2
PURPOSE = "face pack 2"
_NETWORK, _VECTOR, _PICTURE = "swapper.onnx", "vector.f32", "thumbnail.jpg"
_OF_NETWORK = {"identity.json": 1 << 20, _NETWORK: 2 << 30, _PICTURE: 8 << 20}  # bytes
_OF_VECTOR = {"identity.json": 1 << 20, _VECTOR: 1 << 20, _PICTURE: 8 << 20}
_ABOUT = {"format", "name", "consent", "made", "sha256", "public_key", "signature"}


@dataclass(frozen=True, slots=True)
class Identity:
    """A sealed `.face` pack. Make one with `seal_face`, open one with `read_face`."""

    name: str
    consent: ConsentRecord
    network: bytes
    """The swapper: an ONNX file. Of a face with a `base` its vector: float32, little-endian."""
    thumbnail: bytes
    """A JPEG picture of the face."""
    made: Mapping[str, str] = field(default_factory=dict)
    """By what and from what the swapper was made: tool version, architecture, data, licences."""
    public_key: str = ""
    """Of who made the pack; Ed25519, 64 hexadecimal digits."""
    signature: str = ""
    """Over `content`; 128 hexadecimal digits."""
    base: str = ""
    """SHA-256 of the base network that the vector belongs to; empty: the pack has a network."""

    @property
    def member(self) -> str:
        """The pack's member that `network` is."""
        return _VECTOR if self.base else _NETWORK

    @property
    def content(self) -> bytes:
        """What is signed: identity.json without its signature, in canonical form."""
        return canonical(
            {
                "format": FORMAT,
                "name": self.name,
                "consent": self.consent.plain(),
                "made": dict(self.made),
                "sha256": {
                    self.member: hashlib.sha256(self.network).hexdigest(),
                    _PICTURE: hashlib.sha256(self.thumbnail).hexdigest(),
                },
                "public_key": self.public_key,
                **({"base": self.base} if self.base else {}),
            }
        )

    @property
    def content_hash(self) -> str:
        """SHA-256 of `content`: names this very pack, record and network and all."""
        return hashlib.sha256(self.content).hexdigest()

    def authorise(self, uses: Collection[Use], today: datetime.date | None = None) -> None:
        """Make sure that this face may be used so, today.

        Parameters
        ----------
        uses : what for
        today : None: by the clock

        Raises
        ------
        ConsentError
            If the pack or its consent record was changed, or the record does not allow it.
        """
        self.consent.check(today or datetime.date.today(), uses)
        try:
            intact = holds(self.public_key, self.signature, PURPOSE, self.content)
        except CanonicalError as error:
            raise ConsentError(f"the face {self.name!r} cannot be checked: {error}") from error
        if not intact:
            raise ConsentError(
                f"the face {self.name!r} is not the one its maker signed; get the pack anew"
            )


def seal_face(
    name: str,
    consent: ConsentRecord,
    network: bytes,
    thumbnail: bytes,
    made: Mapping[str, str],
    *,
    key: SigningKey,
    base: str = "",
) -> Identity:
    """Bind a network, or a vector and its base, and its consent record with the maker's signature.

    Raises
    ------
    ConsentError
        If the record does not hold.
    """
    bare = Identity(name, consent, network, thumbnail, dict(made), key.public, base=base)
    try:
        sealed = replace(bare, signature=key.sign(PURPOSE, bare.content))
    except CanonicalError as error:
        raise ConsentError(f"the face {name!r} cannot be signed: {error}") from error
    sealed.authorise(())
    return sealed


def write_face(identity: Identity, path: Path) -> None:
    """Write a pack; the file is there whole or not at all.

    Raises
    ------
    ConsentError
        If it is not sealed, or its consent record does not hold.
    SwapcastError
        If the file cannot be written.
    """
    identity.authorise(())
    about = {**json.loads(identity.content), "signature": identity.signature}
    members = {
        "identity.json": canonical(about),
        identity.member: identity.network,
        _PICTURE: identity.thumbnail,
    }
    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
                for name, data in members.items():
                    # A fixed date: the same content gives the same file.
                    pack.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        path.chmod(0o644)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise SwapcastError(f"the face cannot be written to {path}: {error.strerror}") from error


def read_face(path: Path) -> Identity:
    """Open a pack and make sure that its record holds and that nothing in it was changed.

    Who signed it is not judged here: see `swapcast.realtime.face_store.FaceStore`.

    Raises
    ------
    ConsentError
        If the record is missing or does not hold, or the content is not what was signed.
    SwapcastError
        If there is no such file, or it is no `.face` pack.
    """
    try:
        members = read_members(path, _OF_NETWORK, _OF_VECTOR)
        about = read_object(members["identity.json"])
    except OSError as error:
        raise SwapcastError(f"the face {path} cannot be read: {error.strerror}") from error
    except BadPackError as error:
        raise SwapcastError(f"{path} is no .face pack, or a damaged one: {error}") from error
    except CanonicalError as error:
        raise SwapcastError(
            f"{path} is no .face pack: identity.json is damaged: {error}"
        ) from error
    try:
        identity = _parse(about, members)
        identity.authorise(())
    except ConsentError as error:
        raise ConsentError(f"{path}: {error}") from error
    return identity


def read_consent(path: Path) -> ConsentRecord:
    """Read a pack's consent record only, to tell whose face it is; an ended one is read as well.

    Raises
    ------
    SwapcastError
        If there is no such file, or it is no `.face` pack.
    """
    try:
        about = read_object(read_members(path, _OF_NETWORK, _OF_VECTOR)["identity.json"])
        return parse_record(about.get("consent"))
    except OSError as error:
        raise SwapcastError(f"the face {path} cannot be read: {error.strerror}") from error
    except (BadPackError, CanonicalError, ConsentError) as error:
        raise SwapcastError(f"{path} is no .face pack, or a damaged one: {error}") from error


def _parse(about: Mapping[str, Any], members: Mapping[str, bytes]) -> Identity:
    if about.get("format") == 1:
        raise ConsentError("an unsigned pack of an older form; have it exported and signed anew")
    consent = parse_record(about.get("consent"))
    base = about.get("base", "")
    texts = [about.get(name) for name in ("name", "public_key", "signature")]
    made, sums = about.get("made"), about.get("sha256")
    if (
        about.keys() - {"base"} != _ABOUT
        or about["format"] != FORMAT
        or not all(isinstance(text, str) for text in [*texts, base])
        or not (isinstance(made, dict) and all(isinstance(v, str) for v in made.values()))
        or not isinstance(sums, dict)
        or (_VECTOR in members) != bool(base)
    ):
        raise ConsentError("identity.json is unsigned, lacks a part, or is of a newer form")
    name, key, signature = map(str, texts)
    network = members[_VECTOR if base else _NETWORK]
    identity = Identity(name, consent, network, members[_PICTURE], made, key, signature, str(base))
    for part, data in ((identity.member, network), (_PICTURE, identity.thumbnail)):
        if hashlib.sha256(data).hexdigest() != sums.get(part):
            raise ConsentError(f"{part} is not the one the pack was signed with; get the pack anew")
    return identity
