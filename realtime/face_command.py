"""`swapcast face`: the faces that are kept here and the consent behind each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import platformdirs
import tyro

from swapcast.realtime.identity import FaceStore, Identity


@dataclass(frozen=True)
class List:
    """Tell the faces that are kept here."""


@dataclass(frozen=True)
class Show:
    """Tell what a face is made of and who consented."""

    name: tyro.conf.Positional[str]
    """Of a kept face, or the path of a .face pack."""


@dataclass(frozen=True)
class Add:
    """Keep a .face pack."""

    pack: tyro.conf.Positional[Path]


@dataclass(frozen=True)
class Remove:
    """Delete a kept face."""

    name: tyro.conf.Positional[str]


Action = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Add, tyro.conf.subcommand("add")]
    | Annotated[Remove, tyro.conf.subcommand("remove")]
)


def face_store() -> FaceStore:
    """Return the user's own store of faces."""
    return FaceStore(Path(platformdirs.user_data_dir("swapcast", appauthor=False)) / "faces")


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """Carry out one `swapcast face …`."""
    action: List | Show | Add | Remove = tyro.cli(
        Action,
        prog="swapcast face",
        args=list(argv),
        description="Faces and their consent records. None is used without one.",
    )
    store = face_store()
    match action:
        case List():
            for name in store.names():
                say(_line(store.find(name)))
        case Show(name):
            say(_about(store.find(name)))
        case Add(pack):
            say(_about(store.add(pack)))
        case Remove(name):
            store.remove(name)
            say(f"removed {name}")


def _line(face: Identity) -> str:
    ends = f", until {face.consent.expires}" if face.consent.expires else ""
    return f"{face.name:<16} {face.consent.kind:<10} {face.consent.subject}{ends}"


def _about(face: Identity) -> str:
    rows = {
        "consent": face.consent.kind,
        "subject": face.consent.subject,
        "statement": face.consent.statement,
        "date": face.consent.date,
        "expires": face.consent.expires or "never",
        **face.made,
    }
    return "\n".join([face.name, *(f"  {key:<12} {value}" for key, value in rows.items())])
