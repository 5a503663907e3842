"""The user's own faces, consent records and references, each judged before its use."""

import datetime
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

from swapcast.realtime.audit import AuditLog
from swapcast.realtime.consent import ConsentRecord, Use, parse_record, read_record
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.identity import Identity, read_face, write_face
from swapcast.realtime.keys import SigningKey, data_folder, fingerprint, installation_key
from swapcast.realtime.people import People
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.trust import RevocationList, TrustList, read_kept

RECORD_SUFFIX = ".consent.json"
_SUFFIX = ".face"


class FaceStore:
    """The folder that keeps the user's faces, records and references, and the bundled faces.

    Parameters
    ----------
    folder : where all of it lies
    on_event : is told what happens, in one line each
    """

    def __init__(self, folder: Path, *, on_event: Callable[[str], None] = lambda _: None) -> None:
        self.folder = folder
        self._say = on_event
        self.people = People(folder / "people.json")

    @cached_property
    def key(self) -> SigningKey:
        """The key of this installation."""
        return installation_key(self.folder)

    @cached_property
    def trust(self) -> TrustList:
        """Whose signatures count."""
        return TrustList(self.folder / "trust.json", self.key.public)

    @cached_property
    def revocations(self) -> RevocationList:
        """The consents that were withdrawn."""
        return RevocationList(self.folder / "revoked.json", self.key.public)

    @cached_property
    def audit(self) -> AuditLog:
        """What was done."""
        return AuditLog(self.folder, self.key)

    def find(self, face: str, uses: Collection[Use] = ()) -> Identity:
        """Open a face by its name or by the path of its pack, to be used so.

        Raises
        ------
        ConsentError
            If it may not be used so, is signed with a key unknown here, or was revoked.
        SwapcastError
            If there is none of that name.
        """
        identity = self._open(face)
        try:
            identity.authorise(uses)
            self.judge(identity.consent, identity.public_key)
        except ConsentError as error:
            raise ConsentError(f"face {face!r}: {error}") from error
        return identity

    def judge(self, record: ConsentRecord, maker_key: str = "") -> None:
        """Make sure that a record's signer and a pack's maker are known and nothing was revoked.

        Raises
        ------
        ConsentError
            If not.
        """
        self.revocations.check(record, maker_key)
        for key in (record.public_key, maker_key):
            if key and not self.trust.trusts(key):
                raise ConsentError(
                    f"it is signed with a key unknown here, {fingerprint(key)}; if you trust "
                    "where it comes from, take it in: swapcast face add PACK"
                )

    def names(self) -> tuple[str, ...]:
        """Return the names of all faces, the bundled ones first."""
        kept = {path.stem for path in (self.folder / "faces").glob("*.face")}
        return (*bundled_faces(), *sorted(kept - set(bundled_faces())))

    def add(self, path: Path, *, trust: str = "") -> Identity:
        """Keep a copy of a pack, after it was checked, under the name it has inside.

        Parameters
        ----------
        path : of the pack
        trust : fingerprint of a key that the user compared with its holder; empty: none

        Raises
        ------
        ConsentError
            If the pack may not be used, or another key is known for its subject.
        """
        identity = read_face(path)
        check_name(identity.name)
        record = identity.consent
        self.revocations.check(record, identity.public_key)
        self.take_key(record.public_key, record.subject, trust)
        self.take_key(identity.public_key, record.maker or record.subject, trust)
        self.judge(record, identity.public_key)
        return self.keep(identity)

    def keep(self, identity: Identity) -> Identity:
        """Keep a face that was judged already, with its record."""
        check_name(identity.name)
        folder = self.folder / "faces"
        folder.mkdir(parents=True, exist_ok=True)
        self.log("pack added", identity.consent, identity.name)
        write_face(identity, folder / f"{identity.name}.face")
        self._write_record(identity.consent)
        self._say(f"kept {identity.name} in {folder}")
        return identity

    def take_key(self, public_key: str, holder: str, trust: str = "") -> None:
        """Take in a key at its first use, and say so."""
        named = trust if trust == fingerprint(public_key) else ""
        if self.trust.take(public_key, holder, named):
            self._say(
                f"first signature of {holder}: key {fingerprint(public_key)}. It shows that "
                "nothing was changed, not who signed; compare the fingerprint with its holder"
            )

    def remove(self, name: str) -> None:
        """Delete a kept face."""
        path = self.folder / "faces" / f"{name}.face"
        if os.sep in name or not path.is_file():
            raise SwapcastError(f"no face {name!r} is kept in {path.parent}")
        try:
            self.log("pack removed", read_face(path).consent, name)
        except SwapcastError:
            # A pack that can no longer be opened can be removed all the same.
            self.audit.write("damaged or ended pack removed")
        path.unlink()

    def keep_record(
        self, record: ConsentRecord, references: Mapping[str, bytes] | None = None
    ) -> Path:
        """Keep a consent record that was made or taken in, and the reference pictures behind it.

        Parameters
        ----------
        record : which holds
        references : JPEG by name, as the record's evidence lists their SHA-256

        Returns
        -------
        Path
            Of the record.

        Raises
        ------
        ConsentError
            If the record does not hold, was revoked, or lists other pictures.
        """
        record.check(datetime.date.today())
        self.revocations.check(record)
        sums = record.evidence.get("references", {})
        for name, data in (references or {}).items():
            if Path(name).name != name or sums.get(name) != hashlib.sha256(data).hexdigest():
                raise ConsentError(f"the consent record does not list the reference {name!r}")
        self.log("record issued" if record.public_key == self.key.public else "record taken in",
                 record)  # fmt: skip
        for name, data in (references or {}).items():
            folder = self.folder / "references" / record.id
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / name).write_bytes(data)
        return self._write_record(record)

    def records(self) -> list[ConsentRecord]:
        """Return all kept records, ended ones too.

        Raises
        ------
        ConsentError
            If one is damaged.
        """
        paths = sorted((self.folder / "records").glob(f"*{RECORD_SUFFIX}"))
        return [parse_record(read_kept(path)) for path in paths]

    def record(self, word: str, *, trust: str = "") -> ConsentRecord:
        """Open a consent record by its path, its id, or the subject that has one record only.

        Raises
        ------
        ConsentError
            If it does not hold, was revoked, or its key is not the one known for its subject.
        SwapcastError
            If there is none.
        """
        path = Path(word)
        if path.suffix != ".json" and os.sep not in word:
            found = [r for r in self.records() if word in {r.id, r.subject}]
            if len(found) != 1:
                known = ", ".join(f"{r.id} ({r.subject})" for r in found or self.records())
                many = "several records" if found else "no record"
                raise SwapcastError(f"{many} {word!r}; there are: {known or 'none'}")
            path = self.folder / "records" / f"{found[0].id}{RECORD_SUFFIX}"
        record = read_record(path)
        self.revocations.check(record)
        self.take_key(record.public_key, record.subject, trust)
        return record

    def revoke(self, word: str) -> list[str]:
        """Withdraw the consent of a kept face, or a record by its id; returns the ids."""
        ids = {record.id for record in self.records() if word in {record.id, record.subject}}
        if word in self.names():
            ids.add(self._open(word).consent.id)
        elif not ids and len(word) == 32 and all(c in "0123456789abcdef" for c in word):
            ids.add(word)
        if not ids:
            raise SwapcastError(f"no face, subject or record {word!r} to revoke")
        for record_id in sorted(ids):
            self.revocations.revoke(record_id, self.key)
            known = [record for record in self.records() if record.id == record_id]
            if known:
                self.log("record revoked", known[0])
            else:
                self.audit.write("record revoked", record=record_id)
        return sorted(ids)

    @contextmanager
    def session(
        self, identity: Identity, uses: Collection[Use], sinks: Collection[str]
    ) -> Iterator[None]:
        """Log when a face begins and ends to be worn.

        Parameters
        ----------
        identity : the face
        uses : what for
        sinks : words as after ``--sink``; of an address or a path only the kind is logged
        """
        kinds = sorted({_kind(sink) for sink in sinks})
        self.log("session started", identity.consent, identity.name, uses=sorted(uses), sinks=kinds)
        try:
            yield
        finally:
            self.log("session ended", identity.consent, identity.name)

    def log(
        self, event: str, record: ConsentRecord, face: str = "", **about: Collection[str]
    ) -> None:
        """Write a line about a person to the audit log; names go in as salted hashes."""
        words = {"person": record.subject, "record": record.id, "face": face}
        tags = {k: self.people.tag(record.subject, word) for k, word in words.items() if word}
        self.audit.write(event, kind=record.kind, **tags, **{k: list(v) for k, v in about.items()})

    def _open(self, face: str) -> Identity:
        path, kept = Path(face), self.folder / "faces" / f"{face}.face"
        if path.suffix == ".face" or os.sep in face:
            return read_face(path)
        if kept.is_file():
            return read_face(kept)
        if face in bundled_faces():
            with resources.as_file(resources.files("swapcast.assets") / f"{face}.face") as bundled:
                return read_face(bundled)
        raise SwapcastError(f"no face {face!r}; there are: {', '.join(self.names())}")

    def _write_record(self, record: ConsentRecord) -> Path:
        path = self.folder / "records" / f"{record.id}{RECORD_SUFFIX}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(record.plain(), indent=1, ensure_ascii=False))
        return path


def face_store(on_event: Callable[[str], None] = lambda _: None) -> FaceStore:
    """Return the user's own store of faces."""
    return FaceStore(data_folder(), on_event=on_event)


@cache
def bundled_faces() -> tuple[str, ...]:
    """Return the names of the faces that come with the program, the default one first."""
    files = resources.files("swapcast.assets").iterdir()
    names = {file.name[: -len(_SUFFIX)] for file in files if file.name.endswith(_SUFFIX)}
    return tuple(sorted(names, key=lambda name: (name != DEFAULT_FACE, name)))


def check_name(name: str) -> None:
    """Make sure that a name can be a face's in the store.

    Raises
    ------
    SwapcastError
        If it is not plain, or a bundled face's.
    """
    if not name.replace("-", "").replace("_", "").isalnum() or len(name) > 64:
        raise SwapcastError(f"{name[:80]!r} is no plain name for a face")
    if name in bundled_faces():
        raise SwapcastError(f"the name {name!r} is a bundled face's")


def _kind(sink: str) -> str:
    if "://" in sink:
        return sink.partition("://")[0]
    suffix = Path(sink).suffix.lower()
    return f"file {suffix}" if suffix else sink.partition(":")[0]
