"""Signs the faces that come with the program: ``python -m swapcast.realtime.release PACK``.

The maker of a release runs this once for each new bundled face. Without ``--key`` a new key is
made, its public half is written to ``assets/release_keys.txt``, and the private half is never
written anywhere: nobody can sign another pack with it. With ``--key FILE`` (a PKCS #8 PEM file kept
outside the repository) the same key signs again.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from swapcast.realtime.consent import issue_record
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.identity import Identity, read_face, seal_face, write_face
from swapcast.realtime.keys import SigningKey, read_key
from swapcast.realtime.policy import accept_policy
from swapcast.realtime.student import standalone

MAKER = "the swapcast authors"


@dataclass(frozen=True, kw_only=True)
class Release:
    """Sign a pack of a fictional face, to be bundled."""

    pack: tyro.conf.Positional[Path]
    """A pack made by `swapcast export`; it is replaced by the signed one."""
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
        If the pack cannot be opened, or shows somebody who exists.
    """
    face = read_face(settings.pack)
    if face.consent.kind != "fictional":
        raise SwapcastError(f"{settings.pack} shows a real person; only nobody's face is bundled")
    key = SigningKey.generate() if settings.key is None else read_key(settings.key)
    record = issue_record(
        subject=face.consent.subject,
        kind="fictional",
        statement=face.consent.statement,
        scope=("live", "recording", "commercial"),
        key=key,
        policy=accept_policy(True, lambda _: None),
        maker=MAKER,
    )
    sealed = seal_face(
        *(settings.name, record, standalone(face), face.thumbnail, face.made), key=key
    )
    write_face(sealed, settings.pack)
    write_text(settings.keys, f"{key.public}\n")
    return sealed


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program."""
    settings = tyro.cli(Release, prog="python -m swapcast.realtime.release", args=argv)
    try:
        sealed = release(settings)
    except SwapcastError as error:
        sys.stderr.write(f"swapcast: {error}\n")
        sys.exit(1)
    sys.stderr.write(f"signed {settings.pack} with key {sealed.public_key}\n")


if __name__ == "__main__":
    main()
