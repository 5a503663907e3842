"""Fetches a model file: encrypted on the way, taken up where it broke, used only if whole.

What arrives is written to a ``.part`` file that is named after the SHA-256 that is wanted. Only
when all of it is there and has that SHA-256 is it given its own name, in one step.
"""

import hashlib
import http.client
import ipaddress
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from swapcast.realtime.errors import ModelError, SettingError

_BLOCK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a download is given up."""

    size: int = 4 << 30
    """Bytes at most."""
    patience: float = 20.0
    """Seconds within which ``progress`` bytes have to arrive."""
    progress: int = 1 << 14


def download(
    url: str,
    sha256: str,
    out: Path,
    *,
    limits: Limits = Limits(),
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    clock: Callable[[], float] = time.monotonic,
) -> Path:
    """Fetch a file that has a known SHA-256.

    Parameters
    ----------
    url : https://…; http:// from this very machine only
    sha256 : of the whole file, 64 hexadecimal digits
    out : where it goes; replaced only by a file that has the SHA-256
    limits : when to give up
    progress : is told the bytes that are here and, if known, those there will be
    clock : monotonic seconds

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    SettingError
        If the address or the SHA-256 is none.
    ModelError
        If it cannot be fetched, or is not the file that was wanted. What arrived of the right file
        is kept, so that the same line takes it up again.
    """
    _check_address(url)
    sha256 = sha256.strip().lower()
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise SettingError(f"--sha256 {sha256[:80]!r} is none; it has 64 hexadecimal digits")
    if out.is_file() and _digest(out) == sha256:
        return out
    part = out.with_name(f".{out.name}.{sha256[:16]}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:
            _fetch(url, file, limits, progress, clock)
            file.flush()
            os.fsync(file.fileno())
        found = _digest(part)
        if found != sha256:
            part.unlink()
            raise ModelError(f"{url} is not the file wanted: its SHA-256 is {found}")
        part.replace(out)
    except urllib.error.HTTPError as error:
        raise ModelError(f"{url} was refused: {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise ModelError(f"{url} stalled; the same line goes on from there") from error
    except (http.client.HTTPException, ConnectionError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise ModelError(f"{url} cannot be fetched: {reason}") from error
    except OSError as error:
        raise ModelError(f"{out} cannot be written: {error.strerror}") from error
    return out


def _fetch(
    url: str,
    file: IO[bytes],
    limits: Limits,
    progress: Callable[[int, int | None], None],
    clock: Callable[[], float],
) -> None:
    here = file.tell()
    response = _ask(url, here, limits.patience)
    if response is None:
        return
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            here = 0
            file.truncate(0)
        elif not str(response.headers.get("Content-Range", "")).startswith(f"bytes {here}-"):
            raise ModelError(f"{url} sent another part than the one asked for; try again")
        total = _total(response, here)
        if total is not None and total > limits.size:
            raise ModelError(f"{url} has {total} bytes; at most {limits.size} are taken")
        for block in _blocks(response, limits, clock):
            here += len(block)
            if here > limits.size:
                raise ModelError(f"{url} has more than {limits.size} bytes")
            file.write(block)
            progress(here, total)
        if total is not None and here < total:
            raise ModelError(
                f"{url} ended at {here} of {total} bytes; the same line goes on from there"
            )


def _ask(url: str, here: int, patience: float) -> http.client.HTTPResponse | None:
    """Ask for what follows the bytes that are here; None: the server says there is no more."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    if here:
        request.add_header("Range", f"bytes={here}-")
    try:
        response: http.client.HTTPResponse = _opener(url).open(request, timeout=patience)
    except urllib.error.HTTPError as error:
        if not here or error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        return None
    return response


def _blocks(
    response: http.client.HTTPResponse, limits: Limits, clock: Callable[[], float]
) -> Iterator[bytes]:
    """Yield what arrives, until nothing more does or it comes too slowly."""
    began, since = clock(), 0
    while block := response.read1(_BLOCK):
        yield block
        since += len(block)
        if since >= limits.progress:
            began, since = clock(), 0
        elif clock() - began > limits.patience:
            raise TimeoutError


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only to an address that could have been asked for at first."""

    max_redirections = 5

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if after.scheme != before.scheme or (_is_here(before) != _is_here(after)):
            raise ModelError(
                f"{req.full_url} leads to {newurl}, over another kind of connection; "
                "it is not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return an opener that knows http and https and nothing else: no files, no FTP."""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.ProxyHandler({} if _is_here(urlsplit(url)) else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _SameScheme(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "http" and _is_here(parts)
        fine = (parts.scheme == "https" or plain) and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise SettingError(f"{url!r} is no address: {error}") from error
    if not fine or any(c.isspace() or ord(c) < 32 for c in url):
        raise SettingError(f"{url!r} is no address that models are fetched from; give https://…")


def _is_here(parts: object) -> bool:
    name = getattr(parts, "hostname", None) or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _total(response: http.client.HTTPResponse, here: int) -> int | None:
    """Return how long the whole file is said to be."""
    text = response.headers.get("Content-Length", "")
    return here + int(text) if text.isdigit() else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        if hasattr(hashlib, "file_digest"):  # new in 3.11
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()
