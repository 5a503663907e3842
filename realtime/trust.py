"""Whose signatures count here, and which consents were withdrawn.

A signature proves that nothing was changed since a key signed it. It cannot prove whose key that
is. Trusted are this installation's own key, the release keys that come with the program, and keys
that the user took in with a pack or a record: the first key seen for a person is kept, and another
one for the same person is refused until the user names its fingerprint (trust on first use, as SSH
does it).
"""

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from swapcast.realtime.canonical import CanonicalError, canonical, read_object
from swapcast.realtime.consent import ConsentRecord
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.keys import SigningKey, fingerprint, holds

PURPOSE = "revocation 1"


def release_keys() -> frozenset[str]:
    """Return the public keys that the program's own faces are signed with."""
    text = (resources.files("swapcast.assets") / "release_keys.txt").read_text(encoding="ascii")
    return frozenset(line.split()[0] for line in text.splitlines())  # a face's name stands behind


class TrustList:
    """The keys that the user took in, by whose they are said to be.

    Parameters
    ----------
    path : the JSON file they are kept in
    own : this installation's public key
    """

    def __init__(self, path: Path, own: str) -> None:
        self._path, self._own = path, own

    def trusts(self, public_key: str) -> bool:
        """Tell whether signatures of this key count."""
        return public_key == self._own or public_key in release_keys() | self._kept().keys()

    def take(self, public_key: str, holder: str, named: str = "") -> bool:
        """Take in a key, if it is the first of its holder or the user named it.

        Parameters
        ----------
        public_key : 64 hexadecimal digits
        holder : whose it is said to be
        named : fingerprint that the user compared with the holder; empty: none

        Returns
        -------
        bool
            Whether the key was new.

        Raises
        ------
        ConsentError
            If another key is known for the holder, or the user named another fingerprint.
        """
        if self.trusts(public_key):
            return False
        print_ = fingerprint(public_key)
        if named and named != print_:
            raise ConsentError(f"it is signed with key {print_}, not with {named}")
        kept = self._kept()
        if not named and any(whose == holder for whose in kept.values()):
            raise ConsentError(
                f"another key is known for {holder!r} than {print_}; ask {holder!r} "
                f"for the fingerprint, and if it is that one, add --trust {print_}"
            )
        keys = {**kept, public_key: holder}
        write_text(self._path, json.dumps({"format": 1, "keys": keys}, indent=1))
        return True

    def forget(self, holder: str) -> None:
        """Delete a holder's keys."""
        keys = {key: whose for key, whose in self._kept().items() if whose != holder}
        if keys != self._kept():
            write_text(self._path, json.dumps({"format": 1, "keys": keys}, indent=1))

    def of(self, holder: str) -> list[str]:
        """Return the keys of a holder."""
        return [key for key, whose in self._kept().items() if whose == holder]

    def _kept(self) -> dict[str, str]:
        keys = read_kept(self._path).get("keys", {})
        if not isinstance(keys, dict) or not all(isinstance(v, str) for v in keys.values()):
            raise ConsentError(f"{self._path} is damaged; put back a copy, or delete it")
        return keys


@dataclass(frozen=True, slots=True)
class Revocation:
    """That a consent record no longer counts."""

    id: str
    """Of the record."""
    date: str
    """ISO."""
    public_key: str
    """Of who says so."""
    signature: str

    @property
    def content(self) -> bytes:
        """What is signed."""
        return canonical({"id": self.id, "date": self.date, "public_key": self.public_key})

    def plain(self) -> dict[str, str]:
        """Return it as a JSON object."""
        return {name: getattr(self, name) for name in ("id", "date", "public_key", "signature")}


class RevocationList:
    """The consents that were withdrawn.

    An entry counts if it was signed with the key of the record itself, of the pack's maker, or of
    this installation. So a subject can withdraw a record everywhere, the user can bar a face here,
    and a stranger's list bars nothing.
    """

    def __init__(self, path: Path, own: str) -> None:
        self._path, self._own = path, own

    def revoke(self, record_id: str, key: SigningKey) -> Revocation:
        """Withdraw a record."""
        bare = Revocation(record_id, datetime.date.today().isoformat(), key.public, "")
        entry = Revocation(bare.id, bare.date, bare.public_key, key.sign(PURPOSE, bare.content))
        self._keep([entry])
        return entry

    def check(self, record: ConsentRecord, maker_key: str = "") -> None:
        """Make sure that a record was not withdrawn.

        Raises
        ------
        ConsentError
            If it was.
        """
        for entry in self.entries():
            if entry.id == record.id and entry.public_key in {
                record.public_key,
                maker_key,
                self._own,
            }:
                raise ConsentError(f"the consent of {record.subject!r} was revoked on {entry.date}")

    def entries(self) -> list[Revocation]:
        """Return all entries whose signatures hold."""
        return _parse(read_kept(self._path), self._path) if self._path.exists() else []

    def export(self, out: Path) -> int:
        """Write the list to a file for others; returns the number of entries."""
        entries = self.entries()
        try:
            write_text(out, _dumped(entries))
        except OSError as error:
            raise SwapcastError(f"{out} cannot be written: {error.strerror}") from error
        return len(entries)

    def take(self, path: Path) -> int:
        """Take in the entries of a file; returns how many were new.

        Raises
        ------
        SwapcastError
            If it cannot be read.
        ConsentError
            If it is no such list, or an entry was changed.
        """
        if not path.is_file():
            raise SwapcastError(f"no revocation list at {path}")
        return self._keep(_parse(read_kept(path), path))

    def _keep(self, entries: Iterable[Revocation]) -> int:
        here = self.entries()
        new = [entry for entry in dict.fromkeys(entries) if entry not in here]
        if new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, _dumped([*here, *new]))
        return len(new)


def read_kept(path: Path) -> dict[str, Any]:
    """Read a JSON object that this program keeps; nothing there: an empty one.

    Raises
    ------
    ConsentError
        If it is damaged: what cannot be read must not be taken for an empty list.
    """
    try:
        return read_object(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (CanonicalError, OSError) as error:
        raise ConsentError(f"{path} is damaged ({error}); put back a copy") from error


def _dumped(entries: Iterable[Revocation]) -> str:
    return json.dumps({"format": 1, "revoked": [entry.plain() for entry in entries]}, indent=1)


def _parse(value: Mapping[str, Any], path: Path) -> list[Revocation]:
    rows = value.get("revoked")
    names = {"id", "date", "public_key", "signature"}
    if not isinstance(rows, list) or not all(
        isinstance(row, dict)
        and row.keys() == names
        and all(isinstance(part, str) for part in row.values())
        for row in rows
    ):
        raise ConsentError(f"{path} is no revocation list, or a damaged one")
    entries = [Revocation(**row) for row in rows]
    for entry in entries:
        try:
            kept = holds(entry.public_key, entry.signature, PURPOSE, entry.content)
        except CanonicalError:  # a text of it could not have been signed
            kept = False
        if not kept:
            raise ConsentError(f"{path}: the revocation of {entry.id[:32]!r} was changed")
    return entries
