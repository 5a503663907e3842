"""The use policy: what a swapped face must not be used for, and when the user accepted it."""

import datetime
import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from swapcast.realtime.errors import ConsentError

VERSION = "1"
"""Rises when the text changes what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """That the user accepted the use policy: which text, and when."""

    version: str
    sha256: str
    """Of the text, UTF-8."""
    accepted: str
    """UTC, ISO 8601, to the second."""


def policy_text() -> str:
    """Return the use policy."""
    return (resources.files("swapcast.assets") / "use_policy.md").read_text(encoding="utf-8")


def accept_policy(
    accepted: bool,
    say: Callable[[str], None],
    *,
    ask: Callable[[], str] | None = None,
) -> Acceptance:
    """Ask the user to accept the use policy.

    Parameters
    ----------
    accepted : the user did so on the command line already (``--accept-policy``)
    say : shows a text
    ask : reads the user's answer; None: a line of standard input, if a person sits there

    Raises
    ------
    ConsentError
        If the user does not accept it, or cannot be asked.
    """
    text = policy_text()
    if not accepted:
        if ask is None and not sys.stdin.isatty():
            raise ConsentError(
                "the use policy is not accepted; read docs/use-policy.md, then add --accept-policy"
            )
        say(text)
        say("Do you accept this use policy? Type yes:")
        if (ask or sys.stdin.readline)().strip().lower() != "yes":
            raise ConsentError("the use policy is not accepted, so nothing was made")
    now = datetime.datetime.now(datetime.timezone.utc)
    return Acceptance(
        version=VERSION,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        accepted=now.isoformat(timespec="seconds"),
    )
