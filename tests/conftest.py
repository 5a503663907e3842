"""What all tests share."""

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# Keys, records, faces and the audit log of the tests and of the programs they start lie apart from
# those of the person who runs them.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="swapcast-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_DATA_HOME"], ignore_errors=True)

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of clips, pictures and helper models beside the checkout."""
    if not (SHARED / "data" / "clips").is_dir():
        pytest.skip("the shared data folder is not beside the checkout")
    return SHARED


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread of ours behind."""
    before = set(threading.enumerate())
    yield
    ours = ("capture", "analyse", "swap", "emit", "detect", "audio", "test ")
    left = [
        thread.name
        for thread in threading.enumerate()
        if thread not in before and thread.name.startswith(ours)
    ]
    assert not left, f"threads left behind: {left}"
