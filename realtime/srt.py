"""Carry a live MPEG transport stream to an ``srt://`` address, through a program that speaks SRT.

PyAV's ready-made packages have no SRT. FFmpeg's own program usually has it, so PyAV packs the
stream and an ``ffmpeg`` child passes its bytes on as they are; for a source it is the other way
round (`receiving`). A child can be killed whatever holds it up.

The child reads nothing before the other end has taken the connection. That is how we know that
somebody listens: two blocks of padding are put into its pipe, and when they are gone, it reads.
"""

import array
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import IO

if sys.platform != "win32":
    import fcntl
    import termios

_PACKET = 188  # bytes of an MPEG-TS packet
_BLOCK = 7 * _PACKET  # what SRT and UDP carry at once
_PADDING = (b"\x47\x1f\xff\x10" + bytes([255] * (_PACKET - 4))) * 7
_TABLES = (0x0000, 0x1000)  # packet numbers of the programme tables, as FFmpeg gives them
_PATIENCE = 3.0  # seconds of stream that are kept for a listener who is a little late, or slow
_SOON, _LATER = 0.2, 2.0  # seconds until it is tried again; doubles from one to the other
_LINGER = 0.4  # seconds in which the other end can still take what it was sent
_FLUSH = 2.0  # seconds that the end of the stream may take
_ORPHAN = "5000000"  # µs without a connection after which a child ends by itself


def missing() -> str | None:
    """Say in one line what ``srt://`` addresses lack on this computer; ``None``: nothing."""
    if sys.platform == "win32":
        return "srt:// works on Linux and macOS only"
    found = shutil.which("ffmpeg")
    if found is not None:
        known = subprocess.run(
            [found, "-hide_banner", "-protocols"], check=False, capture_output=True, timeout=20
        )
        if b"srt" in known.stdout.split():
            return None
    return (
        f"srt:// needs the program ffmpeg, {'but this one has no SRT' if found else 'with SRT'}: "
        "apt-get install ffmpeg (macOS: brew install ffmpeg)"
    )


def receiving(address: str) -> list[str]:
    """Return the command that writes what arrives from ``address`` on its standard output."""
    reading = ["-f", "data", "-raw_packet_size", str(_BLOCK), "-i", address]
    return [*_quiet(), *reading, *_untouched(), "-flush_packets", "1", "pipe:1"]


def last_words(errors: IO[bytes], address: str) -> str:
    """Return in one line why the program ended; empty if it did not say."""
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip().splitlines()
    text = said[-1].removeprefix(f"{address}: ") if said else ""
    return "no connection" if text == "Input/output error" else text  # FFmpeg's only word for it


def _quiet() -> list[str]:
    return ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error"]


def _untouched() -> list[str]:
    return ["-map", "0", "-c", "copy", "-f", "data"]


class SrtPipe:
    """A file to write a transport stream into; an SRT caller or listener sends it on.

    Writing never waits. A listener who comes within three seconds misses nothing; one who comes
    later, or comes back, gets the stream from its newest key picture on, so that a live picture is
    never old. One who is too slow for the stream misses some, from key picture to key picture.

    Parameters
    ----------
    address : str
        Starts with ``srt://``; options are FFmpeg's: ``?mode=listener``, ``&latency=`` in µs,
        ``&passphrase=…``.
    on_event : callable
        Is told, in one line, when the other end is there, lost, or back.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        address: str,
        on_event: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address, self._on_event, self._clock = address, on_event, clock
        self._child: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._groups: deque[deque[bytes]] = deque([deque()])  # each from a key picture to the next
        self._tables: dict[int, bytes] = {}
        self._pause, self._again = _SOON, 0.0
        self._connected = self._ever = False
        self._kept_since = clock()
        self._reason = ""

    def __enter__(self) -> "SrtPipe":
        """Call, or listen."""
        self._start()
        return self

    def write(self, data: bytes) -> int:
        """Take whole packets of the stream; send what the other end takes."""
        self._keep(bytes(data))
        self._look()
        self._send()
        return len(data)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send the rest, if somebody takes it, and end the program.

        Raises
        ------
        OSError
            If nobody ever took the stream, and nothing else had gone wrong before.
        """
        try:
            ends, never = self._clock() + _FLUSH, threading.Event()
            while kind is None and self._kept_back() and self._clock() < ends:
                self._look()
                self._send()
                never.wait(0.02)
            if self._connected and self._child is not None and kind is None:
                never.wait(_LINGER)
        finally:
            self._end(gently=self._connected and kind is None)
            self._errors.close()
        if not self._ever and kind is None:
            raise OSError(
                f"nobody took the stream ({self._reason or 'no connection'}); "
                "start the other end, one of the two with ?mode=listener"
            )

    def _start(self) -> None:
        errors, self._errors = self._errors, tempfile.TemporaryFile()  # noqa: SIM115
        errors.close()
        reading = ["-f", "data", "-raw_packet_size", str(_BLOCK), "-blocksize", str(_BLOCK)]
        options = [] if "listen_timeout" in self._address else ["-listen_timeout", _ORPHAN]
        self._child = subprocess.Popen(
            [*_quiet(), *reading, "-i", "pipe:0", *_untouched(), *options, self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
        os.set_blocking(self._pipe(), False)
        for _ in range(2):
            os.write(self._pipe(), _PADDING)

    def _pipe(self) -> int:
        assert self._child is not None
        assert self._child.stdin is not None
        return self._child.stdin.fileno()

    def _look(self) -> None:
        """See what became of the program: connected, ended, or to be started again."""
        if self._child is None:
            if self._clock() >= self._again:
                self._start()
        elif self._child.poll() is not None:
            self._lost()
        elif not self._connected:
            unread = array.array("i", [0])
            fcntl.ioctl(self._pipe(), termios.FIONREAD, unread)
            if not unread[0]:
                self._on_event(f"{self._address} {'is back' if self._ever else 'is connected'}")
                self._connected = self._ever = True
                self._pause, self._kept_since = _SOON, self._clock()

    def _lost(self) -> None:
        self._reason = last_words(self._errors, self._address)
        if self._connected:
            self._on_event(f"{self._address} is lost: {self._reason or 'it ended'}; it is tried on")
            self._kept_since = self._clock() - _PATIENCE
            self._groups.clear()  # the next to come begins with a key picture
        self._end(gently=False)
        self._connected = False
        self._again = self._clock() + self._pause
        self._pause = min(2 * self._pause, _LATER)

    def _end(self, *, gently: bool) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        child.stdin.close()
        try:
            child.wait(_FLUSH if gently else 0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _keep(self, data: bytes) -> None:
        """Put packets behind those that wait; leave out what is too old to be sent."""
        begins = 0
        for at in range(0, len(data), _PACKET):
            number = (data[at + 1] & 0x1F) << 8 | data[at + 2]
            if number in _TABLES:
                self._tables[number] = data[at : at + _PACKET]
            elif _opens_key_picture(data, at):
                self._cut(data[begins:at])
                self._groups.append(deque(self._tables.values()))
                begins = at
        self._cut(data[begins:])
        if self._clock() - self._kept_since > _PATIENCE:
            while len(self._groups) > 1:
                self._groups.popleft()

    def _cut(self, data: bytes) -> None:
        if self._groups:
            self._groups[-1].extend(data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK))

    def _kept_back(self) -> bool:
        return any(self._groups)

    def _send(self) -> None:
        try:
            while self._connected and self._kept_back():
                if self._groups[0]:
                    os.write(self._pipe(), self._groups[0][0])  # whole: it fits into a page
                    self._groups[0].popleft()
                else:
                    self._groups.popleft()
        except BlockingIOError:
            return
        except BrokenPipeError:
            return  # the next look finds it ended
        if self._connected:
            self._kept_since = self._clock()


def _opens_key_picture(data: bytes, at: int) -> bool:
    """Tell whether a key picture begins in a packet: random access, with a clock reference."""
    return bool(
        data[at + 1] & 0x40 and data[at + 3] & 0x20 and data[at + 4] and data[at + 5] & 0x50 == 0x50
    )
