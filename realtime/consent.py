"""The consent record: whose face may be used, for what, until when, on whose word.

A record is a JSON object of its own, in the form of `swapcast.realtime.canonical`, signed with an
Ed25519 key over all its other members. It travels from the clips through the training into the
`.face` pack, and is checked wherever it appears.
"""

import datetime
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

from swapcast.realtime.canonical import LARGEST, CanonicalError, canonical, read_object
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.keys import SigningKey, holds
from swapcast.realtime.policy import Acceptance

ConsentKind = Literal["self", "signed", "fictional", "external"]
"""Whose word it is: the user's own face, shown live to the camera; the subject's statement, signed
with the subject's own key; a person who does not exist; somebody else's model under a licence that
the user declares."""

Use = Literal["live", "recording", "commercial"]
"""What a face may be used for: seen live (virtual camera, window, network stream), kept in a file,
or to earn money. The program enforces the first two; the third binds the user."""

FORMAT = 1
PURPOSE = "consent record 1"
_LIVE = ("virtual", "window", "null", "list")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """Why this face may be used. Make one with `issue_record`."""

    id: str
    """32 hexadecimal digits, drawn at random."""
    subject: str
    """Whose face it is; for a fictional one, what it was made from."""
    kind: ConsentKind
    statement: str
    """What the subject, or the maker of a fictional face, says."""
    scope: tuple[Use, ...]
    """What the face may be used for, in alphabetical order."""
    date: str
    """ISO date of the statement."""
    expires: str
    """Last day, ISO, on which the face may be used; empty: no end."""
    maker: str
    """Who may make the face of the subject's pictures; empty: the subject."""
    tool: str
    """Program and version that wrote the record."""
    policy: Mapping[str, str]
    """`Acceptance` of the use policy: ``version``, ``sha256``, ``accepted``."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What shows it. ``self``: ``challenges``, the log of the live enrolment, and ``references``,
    SHA-256 by name of the reference pictures. ``external``: ``licence``."""
    public_key: str = ""
    """Ed25519, 64 hexadecimal digits."""
    signature: str = ""
    """Over `content`; 128 hexadecimal digits."""

    @property
    def content(self) -> bytes:
        """What is signed: the record without its signature, in canonical form."""
        return canonical({k: v for k, v in self.plain().items() if k != "signature"})

    def plain(self) -> dict[str, Any]:
        """Return the record as a JSON object, to be carried as it is."""
        return {"format": FORMAT, **asdict(self), "scope": list(self.scope)}

    def check(self, today: datetime.date, uses: Collection[Use] = ()) -> None:
        """Make sure that the record is whole, holds today and allows what is wanted.

        Raises
        ------
        ConsentError
            If it was changed, has expired, lacks a part or does not allow one of ``uses``.
        """
        try:
            intact = holds(self.public_key, self.signature, PURPOSE, self.content)
        except CanonicalError as error:
            raise ConsentError(f"the consent record has no canonical form: {error}") from error
        if not intact:
            raise ConsentError(
                f"the consent record of {self.subject!r} was changed or never signed; "
                "get it anew from who made it"
            )
        self._check_parts()
        begins, ends = _day(self.date), _day(self.expires) if self.expires else None
        # The signer may live where the new day has begun already.
        if begins > today + datetime.timedelta(days=1):
            raise ConsentError(f"the consent record begins on {begins}, which is not yet here")
        if ends is not None and ends < today:
            raise ConsentError(
                f"the consent of {self.subject!r} ended on {ends}; ask for a new one"
            )
        if missing := sorted(set(uses) - set(self.scope)):
            raise ConsentError(
                f"the consent of {self.subject!r} is for {' and '.join(self.scope)}, "
                f"not for {' and '.join(missing)}"
            )

    def _check_parts(self) -> None:
        if self.kind not in get_args(ConsentKind):
            raise ConsentError(
                f"consent of kind {self.kind!r} is unknown; it is one of "
                f"{', '.join(get_args(ConsentKind))}"
            )
        if not self.subject.strip() or not self.statement.strip():
            raise ConsentError("the consent record names no subject or makes no statement")
        if not self.scope or not set(self.scope) <= set(get_args(Use)):
            raise ConsentError(
                f"the consent record's scope is {', '.join(self.scope) or 'empty'}; "
                f"it may name {', '.join(get_args(Use))}"
            )
        if not all(self.policy.get(name) for name in ("version", "sha256", "accepted")):
            raise ConsentError("the consent record does not say that the use policy was accepted")
        if self.kind == "self" and not self.evidence.get("challenges"):
            raise ConsentError(
                "a record of kind self needs a live enrolment; make one: swapcast face enroll"
            )
        if self.kind == "external" and not str(self.evidence.get("licence", "")).strip():
            raise ConsentError("a record of kind external names no licence of the model")


def issue_record(  # noqa: PLR0913 - the members of a record, each by its name
    *,
    subject: str,
    kind: ConsentKind,
    statement: str,
    scope: Collection[Use],
    key: SigningKey,
    policy: Acceptance,
    maker: str = "",
    expires: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> ConsentRecord:
    """Make a consent record and sign it.

    A live enrolment calls this with ``kind="self"``, ``key=installation_key()``, ``policy`` from
    `accept_policy` and ``evidence={"challenges": [...], "references": {name: sha256}}``; then it
    keeps the record with `FaceStore.keep_record`.

    Parameters
    ----------
    subject : whose face it is
    kind : whose word it is
    statement : what the subject says, in a sentence
    scope : what the face may be used for; at least one
    key : signs; the installation's own (`installation_key`), which is the subject's if the
        subject makes the record on the own machine
    policy : that the use policy was accepted
    maker : who may make the face; empty: the subject
    expires : last day, ISO; empty: no end
    evidence : what shows it: text, whole numbers, lists and objects of these with ASCII names; a
        fraction is written as a text

    Returns
    -------
    ConsentRecord
        Which holds today.

    Raises
    ------
    ConsentError
        If a part is missing or cannot work.
    """
    values: dict[str, Any] = {
        "id": secrets.token_hex(16),
        "subject": subject.strip(),
        "kind": kind,
        "statement": statement.strip(),
        "scope": tuple(sorted(set(scope))),
        "date": datetime.date.today().isoformat(),
        "expires": expires,
        "maker": maker.strip(),
        "tool": _tool(),
        "policy": asdict(policy),
        "evidence": dict(evidence or {}),
        "public_key": key.public,
    }
    try:
        signature = key.sign(PURPOSE, ConsentRecord(**values).content)
    except CanonicalError as error:
        raise ConsentError(f"the consent record cannot be signed: {error}") from error
    record = parse_record({"format": FORMAT, **values, "signature": signature})
    record.check(datetime.date.today())
    return record


def parse_record(value: object) -> ConsentRecord:
    """Make a record of the JSON object that `ConsentRecord.plain` gave; it is not yet checked.

    Raises
    ------
    ConsentError
        If there is none, or a member is missing, unknown or of the wrong type.
    """
    if not isinstance(value, Mapping) or not value:
        raise ConsentError("there is no consent record; no face is used without one")
    if "signature" not in value:
        raise ConsentError("the consent record is not signed; make a new one")
    if value.get("format") != FORMAT:
        raise ConsentError(
            f"the consent record has format {value.get('format')!r}, "
            f"this program reads {FORMAT}; update swapcast"
        )
    members = {name: part for name, part in value.items() if name != "format"}
    texts = {f.name for f in fields(ConsentRecord)} - {"scope", "policy", "evidence"}
    scope, policy = members.get("scope"), members.get("policy")
    fits = (
        members.keys() == texts | {"scope", "policy", "evidence"}
        and all(isinstance(members[name], str) for name in texts)
        and isinstance(scope, Sequence)
        and all(isinstance(use, str) for use in scope)
        and isinstance(policy, Mapping)
        and all(isinstance(part, str) for part in policy.values())
        and isinstance(members.get("evidence"), Mapping)
    )
    if not fits:
        raise ConsentError("the consent record lacks a part, or has one of the wrong form")
    record = ConsentRecord(**{**members, "scope": tuple(members["scope"])})
    try:
        size = len(record.content)
    except CanonicalError as error:
        raise ConsentError(f"the consent record has no canonical form: {error}") from error
    if size > LARGEST:
        raise ConsentError(f"the consent record has {size} bytes; at most {LARGEST} are read")
    return record


def read_record(path: Path) -> ConsentRecord:
    """Read a record from its file and make sure that it holds today.

    Raises
    ------
    ConsentError
        If it does not hold.
    SwapcastError
        If there is no such file, or it is no record.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SwapcastError(
            f"the consent record {path} cannot be read: {error.strerror}"
        ) from error
    try:
        value = read_object(data)
    except CanonicalError as error:
        raise SwapcastError(f"{path} is no consent record: {error}") from error
    try:
        record = parse_record(value)
        record.check(datetime.date.today())
    except ConsentError as error:
        raise ConsentError(f"{path}: {error}") from error
    return record


def uses_of(sinks: Collection[str], *, commercial: bool = False) -> frozenset[Use]:
    """Return what a face is used for when it goes to these sinks (words as after ``--sink``).

    A virtual camera, a window and a network stream show it live. A file keeps it, and so may
    whatever reads standard output: everything else counts as a recording. Only the user can tell
    whether the use is ``commercial``.
    """
    uses: set[Use] = {
        "live" if spec.startswith("virtual:") or spec in _LIVE or "://" in spec else "recording"
        for spec in sinks
    }
    return frozenset(uses | {"commercial"} if commercial else uses)


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise ConsentError(f"the consent record has a damaged date: {error}") from error


@cache
def _tool() -> str:
    return f"swapcast {metadata.version('swapcast')}"
