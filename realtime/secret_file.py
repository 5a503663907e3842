"""Files that hold a secret: made once, whole, and readable by the user alone."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from swapcast.realtime.errors import SwapcastError


def kept_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what a secret file holds; the first call makes it.

    Parameters
    ----------
    path : the file
    make : gives the secret's bytes, if there is no file yet

    Raises
    ------
    SwapcastError
        If it cannot be written or read, or others can read it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write(path, make())
    except OSError as error:
        raise SwapcastError(f"the secret {path} cannot be kept: {error.strerror}") from error
    return read_secret(path)


def read_secret(path: Path) -> bytes:
    """Return what a secret file holds.

    Raises
    ------
    SwapcastError
        If it cannot be read, or others can read it.
    """
    try:
        data, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise SwapcastError(f"the secret {path} cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise SwapcastError(f"others can read the secret {path}; make it yours: chmod 600 {path}")
    return data


def _write(path: Path, secret: bytes) -> None:
    """Write a new secret whole, as somebody else may be making one at the same moment."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # unlike a rename, this does not replace one that is there
    except FileExistsError:
        pass
    finally:
        part.unlink()
