"""Real virtual cameras: in a virtual machine with v4l2loopback, watched by OpenCV and Chromium."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.shared]

SCRIPTS = Path(__file__).parent / "vm"


@pytest.fixture(scope="module")
def machine(shared):
    """Return a function that runs a script of tests/vm there, with a folder to write to."""
    needed = ("qemu-system-x86_64", "gcc-12", "ffmpeg", "v4l2-ctl", "chromium")
    lacking = [program for program in needed if shutil.which(program) is None]
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    start = shared / "tools" / "vcam-vm"
    built = subprocess.run([start, "build"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"no virtual machine: {built.stderr.strip().splitlines()[-1]}")

    def run(out, script, *arguments, seconds=280):
        command = [start, "run", "--timeout", str(seconds), "--out", out, "--"]
        done = subprocess.run(
            [*command, sys.executable, SCRIPTS / script, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | GENERIC_PROCESSOR,
        )
        assert done.returncode == 0, f"{script}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    return run


# The machine's processor is not this one: compiled kernels are shared only for the common one.
GENERIC_PROCESSOR = {"NUMBA_CPU_NAME": "generic"}


def test_a_virtual_camera_through_its_life(machine, tmp_path):
    machine(tmp_path, "sink.py", tmp_path / "seen.json")
    seen = json.loads((tmp_path / "seen.json").read_text())

    # Free, then used, dead (the driver's fault) and used again; and once more after ffmpeg.
    assert seen["states"] == ["free", "busy", "dead", "busy", "dead", "busy"]
    assert seen["revived"]

    # Who watches sees the next writer without opening the camera anew.
    assert seen["after"] > seen["before"] + 50
    # A device with a writer is refused, one that cannot change its size too.
    assert "is taken" in seen["taken"]
    assert "stays at 640×360 and cannot show 320×240" in seen["other size"]

    for reader in ("opencv", "chromium"):
        error = np.abs(np.array(seen[reader]) - np.array(seen["bars"])).max(axis=1)
        assert error[:2].max() == 0, f"black and white in {reader}"
        assert error.max() <= 2, f"colours in {reader}"
    assert seen["size"] == [1280, 720]
