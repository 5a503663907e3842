"""Lets `swapcast ctl` reach the programs that run: a socket that only this user may open."""

import json
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from swapcast.realtime.cover import Cover, Order
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.face_switch import FaceSwitch
from swapcast.realtime.look_switch import LookSwitch
from swapcast.realtime.meter import Meter
from swapcast.realtime.worker import on_thread

ORDERS: Sequence[Order] = ("slate", "blur", "resume")

_ANSWER_S = 1.0  # that the other side may take to send one word
_LONGEST = 80  # bytes of a word


def folder() -> Path:
    """Return the folder of this user's sockets, which nobody else may enter.

    Raises
    ------
    SwapcastError
        If somebody else made it.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(runtime or tempfile.gettempdir())
    path /= "swapcast" if runtime else f"swapcast-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or path.is_symlink():
        raise SwapcastError(
            f"{path} belongs to somebody else or is open to others, so nobody can be trusted "
            f"there: remove it, or chmod 700 {path}"
        )
    return path


@contextmanager
def controlled(
    cover: Cover,
    meter: Meter,
    looks: LookSwitch | None = None,
    faces: FaceSwitch | None = None,
) -> Iterator[None]:
    """Answer to `swapcast ctl` for the length of the ``with`` block.

    One word comes in, bytes, never a pickled object: ``slate``, ``blur``, ``resume``, ``status``,
    ``look`` or ``face`` and a name. One line of JSON goes back.
    """
    if sys.platform == "win32":
        address = rf"\\.\pipe\swapcast-{os.getpid()}"
    else:
        address = str(folder() / f"{os.getpid()}.sock")
        Path(address).unlink(missing_ok=True)  # of a program of this number that was killed

    def obey(word: str) -> Mapping[str, Any]:
        return _obey(word, cover, meter, looks, faces)

    with Listener(address) as listener:
        if sys.platform != "win32":
            Path(address).chmod(0o600)
        closing: list[bool] = []
        with on_thread("control", lambda: _serve(listener, obey, closing)):
            try:
                yield
            finally:
                closing.append(True)
                with suppress(OSError), Client(address):
                    pass  # wakes the thread, which waits for somebody to call


def _serve(
    listener: Listener, obey: Callable[[str], Mapping[str, Any]], closing: Sequence[bool]
) -> Iterator[None]:
    while not closing:
        with suppress(OSError, EOFError), listener.accept() as caller:
            # Who says nothing for a second, half a word, or too much, is not listened to.
            _give_up_after(_ANSWER_S, caller)
            if not closing and caller.poll(_ANSWER_S):
                word = caller.recv_bytes(_LONGEST).decode("ascii", "replace")
                caller.send_bytes(json.dumps(obey(word)).encode())
    yield


def _give_up_after(seconds: float, caller: Connection) -> None:
    """Let a read or a write that waits longer fail, so that no caller holds up the next one."""
    if sys.platform != "win32":
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        with socket.socket(fileno=os.dup(caller.fileno())) as same:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                same.setsockopt(socket.SOL_SOCKET, option, limit)


def _obey(
    word: str,
    cover: Cover,
    meter: Meter,
    looks: LookSwitch | None = None,
    faces: FaceSwitch | None = None,
) -> Mapping[str, Any]:
    order = next((one for one in ORDERS if one == word), None)
    what, _, name = word.partition(" ")
    switches = {"look": looks, "face": faces}
    switch = switches.get(what) if name else None
    if order is not None:
        cover.order(order)
        meter.event(f"ctl: {order}")
    elif switch is not None:
        try:
            switch.use(name)
        except SettingError as error:
            return {"error": str(error)}
    elif word != "status":
        there = ", ".join((*ORDERS, "status", "look NAME", "face NAME"))
        return {"error": f"no order {word[:16]!r}; there are {there}"}
    return {
        "pid": os.getpid(),
        "cover": cover.ordered or "none",
        "look": None if looks is None else looks.look.name,
        "face": None if faces is None else faces.name,
        "faces": dict(meter.faces),
        "sinks": {
            name: {"emitted": counts.emitted, "repeated": counts.repeated, "covered": counts.cover}
            for name, counts in list(meter.sinks.items())
        },
    }


def running() -> list[str]:
    """Return the addresses of the programs that run; sockets left by killed ones are removed."""
    if sys.platform == "win32":
        names = [name for name in os.listdir(r"\\.\pipe") if name.startswith("swapcast-")]
        return [rf"\\.\pipe\{name}" for name in names]
    return [str(path) for path in sorted(folder().glob("*.sock"))]


def ask(address: str, word: str) -> Mapping[str, Any] | None:
    """Send one word to a program; ``None`` if nobody listens there any more.

    Raises
    ------
    SwapcastError
        If it does not answer.
    """
    try:
        caller: Connection = Client(address)
    except (FileNotFoundError, ConnectionRefusedError):
        Path(address).unlink(missing_ok=True)
        return None
    with caller:
        try:
            caller.send_bytes(word.encode())
            answer: Mapping[str, Any] | None = (
                json.loads(caller.recv_bytes(1 << 16)) if caller.poll(2 * _ANSWER_S) else None
            )
        except (OSError, EOFError, ValueError) as error:
            raise SwapcastError(
                f"{address} gave no answer: {error}; end it by its number"
            ) from error
    if answer is None:
        raise SwapcastError(f"{address} gives no answer; end the program by its number")
    return answer


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """Run `swapcast ctl slate | blur | resume | status | look NAME | face NAME`.

    Raises
    ------
    SettingError
        If it is another word.
    SwapcastError
        If nothing runs.
    """
    usage = f"usage: swapcast ctl {' | '.join(ORDERS)} | status | look NAME | face NAME"
    if list(argv) in (["-h"], ["--help"]):
        say(usage)
        return
    plain = len(argv) == 1 and argv[0] in (*ORDERS, "status")
    named = len(argv) == 2 and argv[0] in {"look", "face"} and len(argv[1]) < _LONGEST - 8
    if not plain and not named:
        raise SettingError(usage)
    word = " ".join(argv)
    answers = [answer for address in running() if (answer := ask(address, word)) is not None]
    if not answers:
        raise SwapcastError("no `swapcast live` runs here; start one first")
    for answer in answers:
        if "error" in answer:
            raise SettingError(str(answer["error"]))
        say(json.dumps(answer))
