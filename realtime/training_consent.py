"""The consent record on its way from the clips through the training into the pack."""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from swapcast.realtime.consent import ConsentRecord, parse_record
from swapcast.realtime.errors import ConsentError
from swapcast.realtime.face_folder import kept_consent
from swapcast.realtime.face_store import FaceStore

FICTIONAL = "fictional"


def consent_record(
    word: str,
    out: Path,
    store: FaceStore,
    *,
    fictional: Callable[[], ConsentRecord],
    subject: str,
    trust: str = "",
) -> ConsentRecord:
    """Find the consent record for a face set.

    Parameters
    ----------
    word : file, id or subject of a record; or ``fictional``
    out : folder of the face set; one that is there already keeps its fictional record
    store : knows the kept records, and whose signatures count
    fictional : makes a record for somebody who does not exist
    subject : for ``fictional``, what the face was made from
    trust : fingerprint that the user compared with the subject; empty: none

    Raises
    ------
    ConsentError
        If it does not hold, or it is a signed statement that the subject did not sign.
    SwapcastError
        If there is none.
    """
    if word == FICTIONAL:
        before = kept_consent(out)
        if before is not None and before.get("subject") == subject.strip():
            record = parse_record(before)
            record.check(datetime.date.today())
            store.judge(record)
            return record
        record = fictional()
        store.keep_record(record)
        return record
    record = store.record(word, trust=trust)
    if record.kind == "signed" and record.public_key == store.key.public:
        raise ConsentError(
            f"the statement of {record.subject!r} was signed on this very installation; the "
            "subject signs on the own machine; your own face is taken in by swapcast face enroll"
        )
    return record


def carried_record(sources: object, store: FaceStore) -> ConsentRecord:
    """Return the consent record that all face sets of an identity carry, checked anew.

    Parameters
    ----------
    sources : provenance of the identity: one object for each face set
    store : judges whose signatures count

    Raises
    ------
    ConsentError
        If there is none, it does not hold, was revoked, or the sets carry several.
    """
    rows: list[Mapping[str, Any]] = (
        [row for row in sources if isinstance(row, Mapping)] if isinstance(sources, list) else []
    )
    records = [parse_record(row.get("consent")) for row in rows]
    if not records:
        raise ConsentError("its face sets carry no consent record; extract the faces anew")
    if any(record != records[0] for record in records):
        raise ConsentError(
            "its face sets carry different consent records; extract them anew with one record"
        )
    if any(row.get("subject") != records[0].subject for row in rows):
        raise ConsentError("a face set shows another subject than its consent record names")
    records[0].check(datetime.date.today())
    store.judge(records[0])
    return records[0]
