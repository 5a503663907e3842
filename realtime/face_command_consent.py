"""`swapcast face sign`, `record`, `records`, `revoke`, `revocations`: give and withdraw consent."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from swapcast.realtime.consent import ConsentRecord, Use, issue_record
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.face_folder import write_text
from swapcast.realtime.face_store import RECORD_SUFFIX, FaceStore
from swapcast.realtime.keys import fingerprint
from swapcast.realtime.policy import accept_policy

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Give your consent. The subject runs this on the subject's own machine."""

    statement: tyro.conf.Positional[str]
    """What you allow, in your own words."""
    subject: str
    """Your name."""
    maker: str
    """Whom you allow it."""
    scope: tuple[Use, ...] = ("live",)
    """What your face may be used for."""
    expires: str = ""
    """Last day, such as 2027-12-31; nothing given: no end, but you can revoke at any time."""
    out: Path | None = None
    """The record to send; nothing given: SUBJECT.consent.json."""
    accept_policy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """You have read docs/use-policy.md and accept it."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Sign it, keep a copy, and say what to send."""
        record = issue_record(
            subject=self.subject,
            kind="signed",
            statement=self.statement,
            scope=self.scope,
            key=store.key,
            policy=accept_policy(self.accept_policy, say),
            maker=self.maker,
            expires=self.expires,
        )
        out = self.out or Path(f"{self.subject.strip().replace('/', '-')}{RECORD_SUFFIX}")
        store.keep_record(record)
        write_record(record, out)
        say(
            f"wrote {out}: send it to {self.maker}, and tell your key's fingerprint over another "
            f"way: {fingerprint(record.public_key)}. To withdraw: swapcast face revoke {record.id}"
        )


@dataclass(frozen=True)
class Record:
    """Check a consent record that you were given, and keep it."""

    file: tyro.conf.Positional[Path]
    trust: str = ""
    """Fingerprint of a further key, which you compared with its holder."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Keep it and say what it allows."""
        record = store.record(f"{self.file.parent}/{self.file.name}", trust=self.trust)
        store.keep_record(record)
        say(_record_line(record))


@dataclass(frozen=True)
class Records:
    """Tell the consent records that are kept here."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Say a line for each."""
        for record in store.records():
            say(_record_line(record))


@dataclass(frozen=True)
class Revoke:
    """Withdraw consent: the face is refused from now on, here and wherever the list is taken in."""

    name: tyro.conf.Positional[str]
    """Of a face or a subject, or a record's id."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Withdraw it and say how to make it known."""
        for record_id in store.revoke(self.name):
            say(f"revoked {record_id}; for others: swapcast face revocations export FILE")


@dataclass(frozen=True)
class Revocations:
    """Write the list of withdrawn consents to a file, or take one in."""

    do: tyro.conf.Positional[Literal["export", "import"]]
    file: tyro.conf.Positional[Path]

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Write or take in the list."""
        if self.do == "export":
            say(f"wrote {self.file}: {store.revocations.export(self.file)} revocations")
        else:
            say(f"took in {store.revocations.take(self.file)} new revocations")
            store.audit.write("revocations taken in")


def write_record(record: ConsentRecord, path: Path) -> None:
    """Write a consent record to a file of its own.

    Raises
    ------
    SettingError
        If the file's name is not one that a record is read by.
    SwapcastError
        If it cannot be written.
    """
    if path.suffix != ".json":
        raise SettingError(f"{path} must end in {RECORD_SUFFIX}")
    try:
        write_text(path, json.dumps(record.plain(), indent=1, ensure_ascii=False))
    except OSError as error:
        raise SwapcastError(f"{path} cannot be written: {error.strerror}") from error


def _record_line(record: ConsentRecord) -> str:
    ends = f", until {record.expires}" if record.expires else ""
    return (
        f"{record.id} {record.kind:<10} {record.subject}{ends}: {', '.join(record.scope)}; "
        f"key {fingerprint(record.public_key)}"
    )
