"""Memory that loading has left unused does not stay with the process."""

import ctypes
import sys

import pytest

from swapcast.realtime.memory import give_back
from swapcast.realtime.meter import resident_mb

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


@pytest.mark.skipif(not GLIBC, reason="this system's allocator cannot be asked")
def test_holes_in_the_heap_are_given_back():
    pieces = [bytes(100_000) for _ in range(600)]  # below the size that is mapped on its own
    kept = pieces[::50]  # holds the heap's end where it is
    full = resident_mb()
    del pieces
    give_back()
    assert resident_mb() < full - 30
    assert len(kept) == 12
