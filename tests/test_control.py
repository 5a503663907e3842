"""`swapcast ctl` and the program it reaches."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from swapcast.realtime.control import ask, controlled, folder, run, running
from swapcast.realtime.cover import Cover
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.meter import Meter

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at the socket's file")


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_a_word_covers_the_picture_and_another_shows_it():
    cover, meter, said = Cover(), Meter(), []
    with controlled(cover, meter):
        for word, ordered in (("slate", "slate"), ("blur", "blur"), ("resume", None)):
            run([word], said.append)
            assert cover.ordered == ordered
        run(["status"], said.append)
    assert json.loads(said[-1])["cover"] == "none"
    assert json.loads(said[0])["pid"] == os.getpid()
    assert running() == []


def test_only_the_user_may_open_the_socket():
    with controlled(Cover(), Meter()):
        (address,) = running()
        assert stat.S_IMODE(Path(address).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder().stat().st_mode) == 0o700


def test_a_folder_that_others_may_enter_is_not_trusted(runtime):
    (runtime / "swapcast").mkdir(mode=0o755)
    with pytest.raises(SwapcastError, match="chmod 700"):
        folder()


def test_a_caller_who_says_nothing_or_nonsense_does_no_harm():
    cover = Cover()
    with controlled(cover, Meter()):
        (address,) = running()
        silent = Client(address)
        assert "error" in ask(address, "format c:")
        with Client(address) as rude, suppress(OSError):  # it hangs up in the middle
            rude.send_bytes(b"x" * 100_000)
        ask(address, "slate")
        silent.close()
    assert cover.ordered == "slate"


@pytest.mark.parametrize("half", [b"\0", b"\0\0\0\x05sla", b"\0\0\0\x05"])
def test_a_caller_who_stops_in_the_middle_of_a_word_holds_nobody_up(half):
    cover = Cover()
    with controlled(cover, Meter()), socket.socket(socket.AF_UNIX) as caller:
        (address,) = running()
        caller.connect(address)
        caller.sendall(half)
        ask(address, "slate")
    assert cover.ordered == "slate"


def test_a_socket_of_a_killed_program_is_cleared_away():
    code = (
        "import os, signal\n"
        "from multiprocessing.connection import Listener\n"
        "from swapcast.realtime.control import folder\n"
        "listener = Listener(str(folder() / f'{os.getpid()}.sock'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert len(running()) == 1
    with pytest.raises(SwapcastError, match="no `swapcast live` runs here"):
        run(["status"], lambda _: None)
    assert running() == []


@pytest.mark.parametrize("words", [[], ["explode"], ["slate", "now"]])
def test_another_word_is_one_clear_line(words):
    with pytest.raises(SettingError, match=r"usage: swapcast ctl slate \| blur"):
        run(words, lambda _: None)


def test_it_ends_at_once_even_while_somebody_is_connected():
    began = time.monotonic()
    with controlled(Cover(), Meter()):
        (address,) = running()
        caller = Client(address)
    assert time.monotonic() - began < 4
    caller.close()


def test_many_callers_at_once():
    cover = Cover()
    with controlled(cover, Meter()):
        (address,) = running()
        callers = [
            threading.Thread(target=ask, args=(address, "blur"), name=f"test {number}")
            for number in range(8)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert cover.ordered == "blur"
