"""All that is kept here about one person, handed out or deleted (GDPR, Articles 15 and 17)."""

import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.face_store import RECORD_SUFFIX, FaceStore
from swapcast.realtime.identity import read_consent


@dataclass(frozen=True, slots=True)
class Erased:
    """What was deleted, and what lies where the program does not delete."""

    files: int
    elsewhere: tuple[Path, ...]
    """Face sets that were written for this person and are still there."""


def export_data(store: FaceStore, subject: str, out: Path) -> int:
    """Write everything that is kept here about a person into a zip file.

    Packs, records and reference pictures as they are; ``log.json`` with the lines of the audit log
    that are about the person, names in place; ``known.json`` with keys and places.

    Returns
    -------
    int
        Number of files in it.

    Raises
    ------
    SwapcastError
        If nothing is known of the person, or the file cannot be written.
    """
    files, words = _files(store, subject), set(store.people.about(subject).get("words", ()))
    if not files and not words:
        raise SwapcastError(f"nothing is kept here about {subject!r}")
    tags = {tag: word for tag, word in store.people.words().items() if word in words}
    lines = [
        {"line": e.number, "time": e.time, "event": e.event, **_named(e.about, tags)}
        for e in store.audit.entries()
        if e.about.get("person") in tags
    ]
    known = {
        "subject": subject,
        "keys": store.trust.of(subject),
        "face sets": [str(place) for place in store.people.places(subject)],
    }
    texts = {"log.json": lines, "known.json": known}
    try:
        with (
            tempfile.NamedTemporaryFile(dir=out.parent, suffix=".part", delete=False) as part,
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as pack,
        ):
            for path in files:
                pack.write(path, str(path.relative_to(store.folder)))
            for name, value in texts.items():
                pack.writestr(name, json.dumps(value, indent=1, ensure_ascii=False))
        Path(part.name).replace(out)
    except OSError as error:
        raise SwapcastError(f"{out} cannot be written: {error.strerror}") from error
    return len(files) + len(texts)


def delete(store: FaceStore, subject: str) -> Erased:
    """Delete everything that is kept here about a person.

    In the audit log stays a line that something was deleted; it and all older lines about the
    person hold hashes whose salt is deleted as well, so that nobody can tell any more whom they
    are about. Of a revoked record the random number stays in the revocation list, so that a copy
    of the face is still refused.

    Raises
    ------
    SwapcastError
        If nothing is known of the person.
    """
    files, known = _files(store, subject), store.people.about(subject)
    if not files and not known:
        raise SwapcastError(f"nothing is kept here about {subject!r}")
    elsewhere = tuple(place for place in store.people.places(subject) if place.exists())
    store.audit.write("person deleted", person=store.people.tag(subject, subject))
    for path in files:
        path.unlink()
    for folder in (store.folder / "references").glob("*"):
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder)
    store.trust.forget(subject)
    store.people.forget(subject)
    return Erased(len(files), elsewhere)


def _files(store: FaceStore, subject: str) -> list[Path]:
    """Return the packs, records and references of a person, also ended and revoked ones."""
    packs = [
        path
        for path in sorted((store.folder / "faces").glob("*.face"))
        if read_consent(path).subject == subject
    ]
    ids = [record.id for record in store.records() if record.subject == subject]
    records = [store.folder / "records" / f"{id_}{RECORD_SUFFIX}" for id_ in ids]
    references = [
        path for id_ in ids for path in sorted((store.folder / "references" / id_).glob("*"))
    ]
    return [*packs, *records, *references]


def _named(about: object, tags: dict[str, str]) -> dict[str, object]:
    items = about.items() if isinstance(about, dict) else ()
    return {
        key: tags.get(value, value) if isinstance(value, str) else value for key, value in items
    }
