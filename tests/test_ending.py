"""A run that is asked to end, or killed, leaves what it recorded, and one clear line at most."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swapcast.realtime.clip import Clip


def started(tmp_path, *words, stdout=None):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "swapcast.realtime", "live", "--source", "synthetic"),
            *("--width", "320", "--height", "240", *words),
        ],
        cwd=tmp_path,
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition, limit=60.0):
    ends = time.monotonic() + limit
    while not condition() and time.monotonic() < ends:
        time.sleep(0.05)
    assert condition()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_was_recorded_until_a_signal_plays(tmp_path, number):
    out = tmp_path / "out.mkv"
    process = started(tmp_path, "--sink", str(out))
    until(lambda: out.is_file() and out.stat().st_size > 60_000)
    process.send_signal(number)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == (-number if number == signal.SIGKILL else 0)
    assert "Traceback" not in told
    assert sum(1 for _ in Clip(path=out).frames()) > 10


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_run_with_one_clear_line(tmp_path):
    with Path("/dev/full").open("wb") as full:
        process = started(tmp_path, "--sink", "-", "--seconds", "60", stdout=full)
        told = process.communicate(timeout=90)[1]
    assert process.returncode == 1
    assert told.splitlines()[-1].startswith("swapcast: ")
    assert "No space left" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_the_picture_is_covered_from_outside_while_it_runs(tmp_path):
    process = started(tmp_path, "--sink", "null", "--seconds", "120")
    sockets = tmp_path / "swapcast"
    until(lambda: sockets.is_dir() and any(sockets.iterdir()))

    def ctl(word):
        return subprocess.run(
            [sys.executable, "-m", "swapcast.realtime", "ctl", word],
            env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stderr

    assert '"cover": "slate"' in ctl("slate")
    until(lambda: '"covered": "slate"' in ctl("status"), 20)
    assert '"cover": "none"' in ctl("resume")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not any(sockets.iterdir())
