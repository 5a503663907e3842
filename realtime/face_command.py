"""`swapcast face`: the faces that are kept here and the consent behind each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import tyro

from swapcast.realtime.consent import ConsentRecord
from swapcast.realtime.enrol_command import Enroll
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.face_command_add import Add
from swapcast.realtime.face_command_consent import Record, Records, Revocations, Revoke, Sign
from swapcast.realtime.face_command_data import Delete, ExportData, Import, Log
from swapcast.realtime.face_store import FaceStore, face_store
from swapcast.realtime.identity import Identity
from swapcast.realtime.keys import fingerprint

Say = Callable[[str], None]


class Action(Protocol):
    """One of the commands: a dataclass of its options."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Carry it out."""


@dataclass(frozen=True)
class List:
    """Tell the faces that are kept here."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Say a line for each; one that may not be used says why."""
        for name in store.names():
            try:
                say(_line(store.find(name)))
            except SwapcastError as error:
                say(f"{name:<16} may not be used: {error}")


@dataclass(frozen=True)
class Show:
    """Tell what a face is made of and who consented."""

    name: tyro.conf.Positional[str]
    """Of a kept face, or the path of a .face pack."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Say all there is to know."""
        say(about_face(store.find(self.name)))


@dataclass(frozen=True)
class Remove:
    """Delete a kept face; its consent record stays."""

    name: tyro.conf.Positional[str]

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Delete it."""
        store.remove(self.name)
        say(f"removed {self.name}")


ACTIONS: dict[str, Callable[..., Action]] = {
    "enroll": Enroll,
    "list": List,
    "show": Show,
    "add": Add,
    "remove": Remove,
    "import": Import,
    "sign": Sign,
    "record": Record,
    "records": Records,
    "revoke": Revoke,
    "revocations": Revocations,
    "log": Log,
    "export-data": ExportData,
    "delete": Delete,
}


def run(argv: Sequence[str], say: Say) -> None:
    """Carry out one `swapcast face …`."""
    action: Action = tyro.extras.subcommand_cli_from_dict(
        ACTIONS,
        prog="swapcast face",
        args=list(argv),
        description="Faces and their consent records. None is used without one.",
    )
    action(face_store(say), say)


def _line(face: Identity) -> str:
    ends = f", until {face.consent.expires}" if face.consent.expires else ""
    return f"{face.name:<16} {face.consent.kind:<10} {face.consent.subject}{ends}"


def about_face(face: Identity) -> str:
    """Return all there is to know of a face, as rows of a table."""
    rows = {
        **record_rows(face.consent),
        "signed by": fingerprint(face.public_key),
        "content": face.content_hash,
        **face.made,
    }
    return "\n".join([face.name, *(f"  {key:<12} {value}" for key, value in rows.items())])


def record_rows(record: ConsentRecord) -> dict[str, str]:
    """Return what a record says, as rows of a table."""
    return {
        "consent": record.kind,
        "subject": record.subject,
        "statement": record.statement,
        "scope": ", ".join(record.scope),
        "date": record.date,
        "expires": record.expires or "never",
        "maker": record.maker or record.subject,
        "record": record.id,
        "record key": fingerprint(record.public_key),
    }
