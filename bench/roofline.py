"""How near each kernel comes to what this processor can do at most: the roofline.

A kernel that moves B bytes and does N operations cannot take less time than B / bandwidth, nor less
than N / peak (Williams, Waterman and Patterson, "Roofline", 2009). Both ceilings are measured in
the same process and in turns with the kernels: a plain copy of a frame-sized array, which lies in
the processor's cache as a frame does that was just captured, and a loop of multiplications and
additions on numbers that never leave the registers' neighbourhood.

Bytes are those that must be read and written at least once; operations are those of the arithmetic
that the kernel's description asks for, one multiplication or addition each. What a kernel does
besides (addresses, loads, conversions) is not counted, so the share says how much is left to gain.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

_FRAME = 1920 * 1080 * 3 // 2
_LANES, _CHAIN, _ROUNDS = 512, 16, 400


@kernel("void(u1[::1], u1[::1])")
def _copy(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> None:
    for k in range(source.size):
        target[k] = source[k]


@kernel("void(f4[::1], f4, f4)", fastmath=True)
def _multiply_add(numbers: NDArray[np.float32], factor: np.float32, summand: np.float32) -> None:
    for _ in range(_ROUNDS):
        for k in range(numbers.size):
            x = numbers[k]
            for _ in range(_CHAIN):
                x = x * factor + summand
            numbers[k] = x


@dataclass(frozen=True, slots=True)
class Work:
    """What a kernel cannot avoid."""

    read: int
    """Bytes."""
    written: int
    """Bytes."""
    operations: int
    """Multiplications and additions."""


@dataclass(frozen=True, slots=True)
class Roof:
    """Where one kernel lies under the roof."""

    name: str
    milliseconds: float
    """The shortest of all calls."""
    gigabytes: float
    """A second, read and written."""
    gigaflops: float
    of_bandwidth: float
    """Share of the measured bandwidth, 0…1."""
    of_peak: float
    """Share of the measured peak, 0…1."""


def crop_work(size: int, zoom: float) -> Work:
    """Return what it takes to sample an aligned crop out of the planes.

    Parameters
    ----------
    size : of the crop, pixels
    zoom : pixels of luma side by side under one of the crop
    """
    pixels = size * size
    covered = int(pixels * zoom**2)
    halved = covered if zoom > 2**0.5 else 0  # sums of four, to be sampled again
    lerps, colours = 3 * 6, 18  # three planes, three mixtures of two; nine products and sums
    return Work(covered * 3 // 2, 12 * pixels, (lerps + colours) * pixels + halved)


def paste_work(size: int, zoom: float, share: float) -> Work:
    """Return what it takes to put a face back.

    Parameters
    ----------
    size, zoom : as for `crop_work`
    share : of the crop where the mask is not 0
    """
    inside = share * size * size
    covered = inside * zoom**2
    sampled = covered / 4 if zoom > 1.83 else covered * 1.5
    weighed, mixed, blended = 18 + 4, 5 * 6, 3 * 1.5
    operations = weighed * inside + mixed * sampled + blended * covered
    return Work(
        int(16 * size * size + 2.5 * covered), int(1.5 * covered), int(operations)
    )  # the mask is looked through as a whole; the mark is read too


def render_work(width: int, height: int) -> Work:
    """Return what it takes to write a frame's planes, marked."""
    luma = width * height
    return Work(luma * 5 // 2, luma * 3 // 2, luma)


def roofline(
    kernels: dict[str, tuple[Callable[[], object], Work]],
    *,
    repeats: int = 100,
    clock: Callable[[], float] = time.thread_time,
) -> tuple[float, float, list[Roof]]:
    """Measure both ceilings and all kernels in turns.

    Parameters
    ----------
    kernels : by name, each with what it cannot avoid
    repeats : calls of each; the shortest counts, for a roof is what is possible
    clock : gives seconds

    Returns
    -------
    float, float, list of Roof
        Bandwidth in 10⁹ bytes a second, peak in 10⁹ operations a second, and each kernel.
    """
    frame, copy = np.zeros(_FRAME, np.uint8), np.empty(_FRAME, np.uint8)
    numbers, part = np.ones(_LANES, np.float32), np.float32(0.5)
    things: dict[str, Callable[[], object]] = {
        "": lambda: _copy(frame, copy),
        " ": lambda: _multiply_add(numbers, part, part),
    }
    things |= {name: call for name, (call, _) in kernels.items()}
    shortest = dict.fromkeys(things, float("inf"))
    for _ in range(repeats):
        for name, call in things.items():
            began = clock()
            call()
            shortest[name] = min(shortest[name], clock() - began)
    bandwidth = 2 * _FRAME / shortest[""] / 1e9
    peak = 2 * _LANES * _CHAIN * _ROUNDS / shortest[" "] / 1e9
    found = []
    for name, (_, work) in kernels.items():
        rate = (work.read + work.written) / shortest[name] / 1e9
        flops = work.operations / shortest[name] / 1e9
        found.append(Roof(name, 1e3 * shortest[name], rate, flops, rate / bandwidth, flops / peak))
    return bandwidth, peak, found
