"""Memory that loading has left unused does not stay with the process."""

import ctypes
import sys

import numba
import pytest

from swapcast.realtime.memory import give_back, let_go_of_compiler
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


@pytest.mark.skipif(sys.platform != "linux", reason="done on Linux only")
def test_the_compilers_code_is_let_go_of_and_comes_back_when_it_is_needed():
    def double(x):
        return 2 * x

    assert numba.njit("i8(i8)")(double)(21) == 42
    full = resident_mb()
    assert let_go_of_compiler() > 20e6
    assert resident_mb() < full - 20
    assert numba.njit("f8(f8)")(double)(1.5) == 3
