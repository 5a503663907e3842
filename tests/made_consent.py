"""Consent records and sealed faces for tests."""

from typing import Any

from swapcast.realtime.consent import ConsentRecord, issue_record
from swapcast.realtime.identity import Identity, seal_face
from swapcast.realtime.keys import SigningKey
from swapcast.realtime.policy import Acceptance

ACCEPTED = Acceptance(version="1", sha256="0" * 64, accepted="2026-01-01T00:00:00+00:00")
BO, ADA = SigningKey.generate(), SigningKey.generate()


def made_record(**changes: Any) -> ConsentRecord:
    """Make a record of Bo, signed by Bo, with some members changed before it is signed."""
    values: dict[str, Any] = {
        "subject": "Bo",
        "kind": "signed",
        "statement": "Ada may wear my face.",
        "scope": ("live", "recording"),
        "key": BO,
        "policy": ACCEPTED,
        "maker": "Ada",
    }
    return issue_record(**{**values, **changes})


def made_face(
    name: str = "bo",
    record: ConsentRecord | None = None,
    *,
    key: SigningKey = ADA,
    network: bytes = b"network",
) -> Identity:
    """Make a face of Bo, sealed by Ada; its network is none unless one is given."""
    return seal_face(name, record or made_record(), network, b"picture", {"tool": "t"}, key=key)
