"""Who made a picture, as the invisible mark says it: a number that changes every day.

It comes from a secret that lies in the user's own data folder and never leaves it. Whoever has the
secret can tell that a mark is of this installation, and of which day; nobody else can, or link the
marks of two days.
"""

import datetime
import hashlib
import hmac
import secrets
from pathlib import Path

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.keys import data_folder
from swapcast.realtime.mark_code import INSTALLATION_BITS, Payload
from swapcast.realtime.secret_file import kept_secret

SECRET_FILE = "mark.secret"
_BYTES = 32
_DAYS = 3 * 366  # how far back `made_on` looks


def installation_secret(folder: Path | None = None) -> bytes:
    """Return this installation's secret, 32 bytes; the first call makes it.

    Parameters
    ----------
    folder : where it lies; None: the user's data folder

    Raises
    ------
    SwapcastError
        If it cannot be written or read, others can read it, or it is damaged.
    """
    path = (folder or data_folder()) / SECRET_FILE
    secret = kept_secret(path, lambda: secrets.token_bytes(_BYTES))
    if len(secret) != _BYTES:
        raise SwapcastError(f"the secret {path} is damaged; move it away, and a new one is made")
    return secret


def has_secret(folder: Path | None = None) -> bool:
    """Tell whether this installation has ever marked anything."""
    return ((folder or data_folder()) / SECRET_FILE).exists()


def payload_of(secret: bytes, day: datetime.date) -> Payload:
    """Return what the marks of an installation say on a day (UTC)."""
    digest = hmac.digest(secret, f"swapcast mark {day.isoformat()}".encode(), hashlib.sha256)
    number = int.from_bytes(digest[:4], "big") >> (32 - INSTALLATION_BITS)
    return Payload(number or 1)  # 0 is nobody's


def todays_payload(folder: Path | None = None) -> Payload:
    """Return what this installation's marks say today.

    Raises
    ------
    SwapcastError
        If the secret cannot be used.
    """
    return payload_of(installation_secret(folder), today())


def made_on(payload: Payload, secret: bytes, until: datetime.date) -> datetime.date | None:
    """Return the day of the last three years on which this installation's marks said that."""
    for back in range(_DAYS):
        day = until - datetime.timedelta(days=back)
        if payload_of(secret, day) == payload:
            return day
    return None


def today() -> datetime.date:
    """Return the date in UTC, which is the same everywhere."""
    return datetime.datetime.now(datetime.timezone.utc).date()
