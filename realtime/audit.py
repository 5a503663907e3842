"""The audit log: what was done with whose face on this machine, one line each, no pictures.

Each line is a JSON object in canonical form. It holds the SHA-256 of the line before and this
installation's signature, so a line that was changed, put in, taken out or moved is found and named.
A second small file holds the number of lines, so that a cut-off end is found as well. Whoever has
the user's own rights has the key too and can write another history: the log serves the honest user
and those whom that user answers to, and is no proof against the user.
"""

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from swapcast.realtime.canonical import CanonicalError, canonical, read_object
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.keys import SigningKey, holds
from swapcast.realtime.trust import read_kept

PURPOSE = "audit line 1"
_START = "0" * 64
_TAIL = 1 << 16  # bytes: longer than any line


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log."""

    number: int
    """From 1."""
    time: str
    """UTC, ISO 8601, to the second."""
    event: str
    about: Mapping[str, Any]


class AuditLog:
    """The log of one installation.

    Parameters
    ----------
    folder : where it lies
    key : signs the lines
    """

    def __init__(self, folder: Path, key: SigningKey) -> None:
        self.path, self._head = folder / "audit.jsonl", folder / "audit.head.json"
        self._lock = FileLock(folder / "audit.lock", timeout=10)
        self._folder, self._key = folder, key

    def write(self, event: str, **about: str | Sequence[str]) -> None:
        """Add a line.

        Raises
        ------
        SwapcastError
            If it cannot be written: nothing is done with a face that cannot be logged.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock, self.path.open("ab") as file:
                number, previous = _last(_tail(self.path))
                line = {
                    "n": number + 1,
                    "time": datetime.datetime.now(datetime.timezone.utc).isoformat(
                        timespec="seconds"
                    ),
                    "event": event,
                    "about": about,
                    "previous": previous,
                }
                line["signature"] = self._key.sign(PURPOSE, canonical(line))
                data = canonical(line)
                file.write(data + b"\n")
                file.flush()
                head = {"lines": number + 1, "sha256": hashlib.sha256(data).hexdigest()}
                write_text(self._head, json.dumps(head))
        except Timeout as error:
            raise SwapcastError(
                f"the audit log {self.path} is in use by another program; try again"
            ) from error
        except OSError as error:
            raise SwapcastError(
                f"the audit log {self.path} cannot be written: {error.strerror}"
            ) from error

    def entries(self) -> list[Entry]:
        """Return all lines, unchecked.

        Raises
        ------
        ConsentError
            If a line is no line of a log.
        """
        return [_entry(self._line(k, data)) for k, data in enumerate(self._lines(), 1)]

    def verify(self) -> int:
        """Check the whole chain; returns the number of lines.

        Raises
        ------
        ConsentError
            If the log was tampered with; the text names the first line that is wrong.
        """
        previous, lines = _START, self._lines()
        for number, data in enumerate(lines, 1):
            line = self._line(number, data)
            signature = str(line.pop("signature", ""))
            if line.get("n") != number or line.get("previous") != previous:
                raise ConsentError(
                    f"{self.path}, line {number}: it does not follow the line before; "
                    "a line was changed, put in or taken out"
                )
            if not holds(self._key.public, signature, PURPOSE, canonical(line)):
                raise ConsentError(f"{self.path}, line {number}: it was changed")
            previous = hashlib.sha256(data).hexdigest()
        head = read_kept(self._head)
        # One more line than the head knows of: the program was stopped between the two.
        if int(head.get("lines", 0)) not in {len(lines), len(lines) - 1} or (
            head.get("lines") == len(lines) and lines and head.get("sha256") != previous
        ):
            raise ConsentError(
                f"{self.path} ends at line {len(lines)}, but {head.get('lines')} were written: "
                f"line {len(lines) + 1} and what follows is missing"
            )
        return len(lines)

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SwapcastError(f"{self.path} cannot be read: {error.strerror}") from error

    def _line(self, number: int, data: bytes) -> dict[str, Any]:
        try:
            return read_object(data)
        except CanonicalError as error:
            raise ConsentError(f"{self.path}, line {number}: it is damaged: {error}") from error


def _entry(line: Mapping[str, Any]) -> Entry:
    about = line.get("about")
    return Entry(
        int(line.get("n") or 0),
        str(line.get("time")),
        str(line.get("event")),
        about if isinstance(about, Mapping) else {},
    )


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read()


def _last(tail: bytes) -> tuple[int, str]:
    """Return the number and the hash of the last line, from the last bytes of the log."""
    if not tail.strip():
        return 0, _START
    data = tail.splitlines()[-1]
    try:
        return int(read_object(data).get("n") or 0), hashlib.sha256(data).hexdigest()
    except (CanonicalError, TypeError, ValueError):
        # A damaged line is not mended or hidden: the chain goes on from it, `verify` names it.
        return 0, hashlib.sha256(data).hexdigest()
