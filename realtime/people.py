"""Names for people in the audit log that can be made meaningless when a person asks to be erased.

The log must not be changed, yet a person's traces must go. So the log never holds a name: it holds
an HMAC-SHA-256 of it under a salt that is drawn for that person and kept here. While the salt is
here, the program can tell who is meant; once it is deleted, nobody can.
"""

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from swapcast.realtime.errors import ConsentError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.trust import read_kept


class People:
    """The persons this installation knows of, their salts, and where their face sets were written.

    Parameters
    ----------
    path : the JSON file they are kept in
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def tag(self, subject: str, word: str) -> str:
        """Return what stands in the log for a word about a person: 24 hexadecimal digits."""
        people = self._read()
        person = people.setdefault(
            subject, {"salt": secrets.token_hex(32), "words": [], "places": []}
        )
        if word not in person["words"]:
            person["words"].append(word)
            self._write(people)
        return _tag(person["salt"], word)

    def words(self) -> dict[str, str]:
        """Return every known word by its tag."""
        return {
            _tag(person["salt"], word): word
            for person in self._read().values()
            for word in person["words"]
        }

    def note_place(self, subject: str, place: Path) -> None:
        """Remember that something of a person lies outside the store."""
        self.tag(subject, subject)
        people = self._read()
        places = people[subject]["places"]
        if str(place) not in places:
            places.append(str(place))
            self._write(people)

    def places(self, subject: str) -> list[Path]:
        """Return where something of a person may lie outside the store."""
        return [Path(place) for place in self._read().get(subject, {"places": []})["places"]]

    def about(self, subject: str) -> dict[str, Any]:
        """Return all that is kept here about a person."""
        return dict(self._read().get(subject, {}))

    def forget(self, subject: str) -> bool:
        """Delete a person, salt and all; tells whether there was one."""
        people = self._read()
        known = people.pop(subject, None) is not None
        if known:
            self._write(people)
        return known

    def _read(self) -> dict[str, Any]:
        people = read_kept(self._path).get("people", {})
        if not isinstance(people, dict) or not all(
            isinstance(p, dict) and p.keys() == {"salt", "words", "places"} for p in people.values()
        ):
            raise ConsentError(f"{self._path} is damaged; put back a copy")
        return people

    def _write(self, people: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._path, json.dumps({"format": 1, "people": people}, indent=1))


def _tag(salt: str, word: str) -> str:
    return hmac.new(salt.encode(), word.encode(), hashlib.sha256).hexdigest()[:24]
