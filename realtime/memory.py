"""Gives memory that loading has left unused back to the system."""

import ctypes
import sys
from pathlib import Path

_COMPILER = "libllvmlite"
_MAPS = Path("/proc/self/maps")
_DONTNEED = 4  # Linux's MADV_DONTNEED


def give_back() -> bool:
    """Let go of freed memory that the allocator still holds; takes about 20 ms.

    Reading network files leaves tens of megabytes of holes in glibc's heap, which it would keep for
    good. Elsewhere than on Linux with glibc nothing is done.

    Returns
    -------
    bool
        Whether anything was given back.
    """
    if sys.platform != "linux":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return bool(trim is not None and trim(0))


def let_go_of_compiler() -> int:
    """Unmap the pages of LLVM's machine code, which only loading and compiling kernels needs.

    They are pages of a file, unchanged. If a kernel is compiled after all, they come back from the
    system's cache, one by one. Elsewhere than on Linux nothing is done.

    Returns
    -------
    int
        Bytes of address space whose pages were let go of, resident or not.
    """
    if sys.platform != "linux" or not _MAPS.is_file():
        return 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    done = 0
    for line in _MAPS.read_text().splitlines():
        # Only code: it is never written. Tables with relocations would lose them.
        if _COMPILER in line and line.split()[1] == "r-xp":
            first, last = (int(number, 16) for number in line.split()[0].split("-"))
            if advise(first, last - first, _DONTNEED) == 0:
                done += last - first
    return done
