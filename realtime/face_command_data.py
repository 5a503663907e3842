"""`swapcast face log | export-data | delete | import`: what is kept, and models from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from swapcast.realtime.consent import Use
from swapcast.realtime.erasure import delete, export_data
from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.face_store import FaceStore
from swapcast.realtime.policy import accept_policy

Say = Callable[[str], None]


@dataclass(frozen=True)
class Log:
    """Tell what was done with whose face."""

    verify: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Check that no line was changed, put in or taken out."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Say a line for each entry; hashes of people still known are given their names."""
        if self.verify:
            say(f"{store.audit.verify()} lines, none changed, none missing")
            return
        words = store.people.words()
        for entry in store.audit.entries():
            about = ", ".join(
                f"{key} {words.get(value, value) if isinstance(value, str) else ' '.join(value)}"
                for key, value in entry.about.items()
                if value
            )
            say(f"{entry.number:>5} {entry.time} {entry.event}: {about}")


@dataclass(frozen=True)
class ExportData:
    """Write everything that is kept here about a person into a zip file."""

    subject: tyro.conf.Positional[str]
    out: tyro.conf.Positional[Path]

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Write it."""
        say(f"wrote {self.out}: {export_data(store, self.subject, self.out)} files")


@dataclass(frozen=True)
class Delete:
    """Delete everything that is kept here about a person: packs, records, references, keys."""

    subject: tyro.conf.Positional[str]

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Delete it, and name what lies elsewhere."""
        erased = delete(store, self.subject)
        say(f"deleted {erased.files} files about {self.subject}")
        for place in erased.elsewhere:
            say(f"still there: the face set {place}; delete it and what was trained from it")


@dataclass(frozen=True, kw_only=True)
class Import:
    """Make a face of a swapper from elsewhere, under a licence that you declare."""

    model: tyro.conf.Positional[Path]
    """An ONNX file: a DFM (one baked-in face), or one written by this program's exporter."""
    name: str
    """What the face is to be called."""
    licence: str = ""
    """Under which you may use the model, and where that stands."""
    subject: str = ""
    """Whose face it makes, as far as you know."""
    statement: str = ""
    """Why that face may be used."""
    scope: tuple[Use, ...] = ("live",)
    """What the licence and the person allow."""
    expires: str = ""
    """Last day on which it may be used."""
    morph: float = 0.5
    """For a DFM with a morph value: how far the shape of the face is moved, 0…1."""
    accept_policy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """You have read docs/use-policy.md and accept it."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Make the pack and keep it."""
        from swapcast.realtime.external import Declared, import_model  # noqa: PLC0415 - needs onnx

        if not self.model.is_file():
            raise SwapcastError(f"no model at {self.model}")
        declared = Declared(
            licence=self.licence,
            subject=self.subject,
            statement=self.statement,
            scope=self.scope,
            expires=self.expires,
            policy=lambda: accept_policy(self.accept_policy, say),
        )
        face = import_model(self.model, self.name, declared, store, morph=self.morph)
        say(f"kept {face.name} ({face.consent.kind}): try swapcast live --face {face.name}")
