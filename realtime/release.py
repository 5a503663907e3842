"""Signs the faces that come with the program: ``python -m swapcast.realtime.release PACK``.

The maker of a release runs this once for each new bundled face. Without ``--key`` a new key is
made, its public half is written to ``assets/release_keys.txt`` beside the face's name, and the
private half is never written anywhere: nobody can sign another pack with it. With ``--key FILE``
(a PKCS #8 PEM file kept outside the repository) the same key signs again.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from swapcast.realtime.consent import ConsentRecord, issue_record
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.face_store import face_store
from swapcast.realtime.identity import Identity, read_face, seal_face, write_face
from swapcast.realtime.keys import SigningKey, read_key
from swapcast.realtime.policy import accept_policy
from swapcast.realtime.student import standalone
from swapcast.realtime.thumbnail import draw_thumbnail
from swapcast.realtime.weights import find_metadata

MAKER = "the swapcast authors"


@dataclass(frozen=True, kw_only=True)
class Release:
    """Sign a pack of a fictional face, to be bundled."""

    pack: tyro.conf.Positional[Path]
    """A pack made by `swapcast export` or `swapcast face add`; or a bare network, .onnx, made by
    `python -m swapcast.export.cast`."""
    out: Path | None = None
    """The signed pack; nothing given: it replaces the pack, or lies beside the network."""
    subject: str = ""
    """For a bare network: what the face was made from."""
    statement: str = ""
    """For a bare network: how you know that nobody has it."""
    keys: Path = Path("assets/release_keys.txt")
    """The release keys' public halves."""
    key: Path | None = None
    """Sign with this private key; nothing given: with a new one that is thrown away."""
    name: str = "demo"
    """What the bundled face is called."""


def release(settings: Release) -> Identity:
    """Sign a pack with a release key, under a new record for all uses; it needs no base any more.

    Raises
    ------
    SwapcastError
        If the pack cannot be opened, shows somebody who exists, or nobody says whom it shows.
    """
    out = settings.out or settings.pack.with_suffix(".face")
    bare = settings.pack.suffix == ".onnx"
    face = _of_network(settings) if bare else read_face(settings.pack)
    if face.consent.kind != "fictional":
        raise SwapcastError(f"{settings.pack} shows a real person; only nobody's face is bundled")
    key = SigningKey.generate() if settings.key is None else read_key(settings.key)
    record = _record(face.consent.subject, face.consent.statement, key)
    sealed = seal_face(
        *(settings.name, record, standalone(face), face.thumbnail, face.made), key=key
    )
    write_face(sealed, out)
    write_text(settings.keys, _listed(settings.keys, settings.name, key.public))
    return sealed


def _listed(keys: Path, name: str, public: str) -> str:
    """Return the list of release keys with a face's new one: a line ``KEY NAME`` each."""
    lines = keys.read_text(encoding="ascii").splitlines() if keys.is_file() else []
    others = [line for line in lines if line.split()[1:] != [name]]
    return "".join(f"{line}\n" for line in sorted([*others, f"{public} {name}"]))


def _record(subject: str, statement: str, key: SigningKey) -> ConsentRecord:
    return issue_record(
        subject=subject,
        kind="fictional",
        statement=statement,
        scope=("live", "recording", "commercial"),
        key=key,
        policy=accept_policy(True, lambda _: None),
        maker=MAKER,
    )


def _of_network(settings: Release) -> Identity:
    """Make a pack of a bare network, signed with this installation's key."""
    if not (settings.subject.strip() and settings.statement.strip()):
        raise SwapcastError("a bare network needs --subject and --statement: whom does it show?")
    try:
        network = settings.pack.read_bytes()
        about = json.loads(find_metadata(network)["swapcast"])
        made = {
            "tool": f"swapcast {about['version']}",
            "architecture": str(about["architecture"]),
            "size": str(about["size"]),
            "sources": settings.subject,
        }
    except (OSError, KeyError, ValueError) as error:
        raise SwapcastError(f"{settings.pack} is no network of swapcast: {error}") from error
    key = face_store(lambda _: None).key
    parts = (settings.name, _record(settings.subject, settings.statement, key), network)
    thumbnail = draw_thumbnail(seal_face(*parts, b"", made, key=key))
    return seal_face(*parts, thumbnail, made, key=key)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program."""
    settings = tyro.cli(Release, prog="python -m swapcast.realtime.release", args=argv)
    try:
        sealed = release(settings)
    except SwapcastError as error:
        sys.stderr.write(f"swapcast: {error}\n")
        sys.exit(1)
    sys.stderr.write(f"signed {sealed.name} of {settings.pack} with key {sealed.public_key}\n")


if __name__ == "__main__":
    main()
