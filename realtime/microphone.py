"""Listen to a microphone or another sound device."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from math import pi, sqrt
from multiprocessing.connection import Connection
from pathlib import Path

import av
import numpy as np

from swapcast.realtime.audio import Sound, decoded
from swapcast.realtime.errors import SourceError

_DEVICES = {
    "linux": ("alsa", "{}"),
    "darwin": ("avfoundation", ":{}"),
    "win32": ("dshow", "audio={}"),
}
_GAP = 0.2  # seconds an arrival may be off before it counts as a hole in the sound
_SETTLING = 1.0  # seconds in which the first, hurried arrivals set the beat
_PIECE = 0.01  # seconds of sound that travel together
_OPENING, _SILENT = 5.0, 1.0  # seconds without sound after which a device is given up


class ArrivalClock:
    """Tells when a piece of sound was heard from when it arrived, without the arrivals' jitter.

    A delay-locked loop follows the device's own rate (Fons Adriaensen, "Using a DLL to filter
    time", 2005): pieces arrive some milliseconds early or late, sample clocks are off by up to a
    few hundred millionths, and both are told apart by how slowly the second changes.
    """

    _bandwidth = 0.1
    """Hertz."""

    def __init__(self) -> None:
        self._ends: float | None = None
        self._stretch = 1.0
        self._followed = 0.0

    def __call__(self, length: float, now: float) -> float:
        """Say when a piece that has just arrived was heard.

        Parameters
        ----------
        length : float
            Seconds of sound by the device's clock.
        now : float
            Monotonic seconds.

        Returns
        -------
        float
            Monotonic seconds of its first sample.
        """
        expected = now if self._ends is None else self._ends + length * self._stretch
        late = now - expected
        if abs(late) > _GAP or (late < 0 and self._followed < _SETTLING):
            expected, late = now, 0.0  # nothing arrives before it was heard
        self._followed += length
        omega = 2 * pi * self._bandwidth * length
        self._ends = expected + sqrt(2) * omega * late
        self._stretch += omega * omega * late / length
        return self._ends - length * self._stretch


def microphone(device: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Sound]:
    """Listen to a sound device until the reader stops.

    The device is read by a process of its own: drivers can block for ever, and a process can be
    ended.

    Parameters
    ----------
    device : str
        As the system calls it: ``default`` or ``hw:1`` (ALSA), a name on macOS and Windows.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    SourceError
        If it cannot be opened, or stops giving sound.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_listen, args=(device, theirs), name="microphone", daemon=True)
    child.start()
    theirs.close()
    heard = ArrivalClock()
    wait = _OPENING
    try:
        while ours.poll(wait):
            piece = ours.recv()
            if isinstance(piece, str):
                raise SourceError(_no_sound(device, piece))
            samples, rate = piece
            wait = _SILENT
            yield Sound(samples, rate, heard(samples.shape[1] / rate, clock()))
    except EOFError as error:
        raise SourceError(_no_sound(device, "it has gone")) from error
    finally:
        child.kill()
        child.join()
        ours.close()
    raise SourceError(_no_sound(device, f"nothing came for {wait:.0f} s"))


def _no_sound(device: str, why: str) -> str:
    return f"no sound from {device!r}: {why}; give --audio another device, source or none"


def _listen(device: str, out: Connection) -> None:
    """Read the device and send (samples, rate), or what went wrong. Runs in the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # ALSA writes pages about a missing device
    _show_alsa_its_files()
    form, pattern = _DEVICES.get(sys.platform, _DEVICES["linux"])
    try:
        with av.open(pattern.format(device), format=form) as container:
            held: list[Sound] = []
            for sound in decoded(container):
                held.append(sound)
                if sum(piece.samples.shape[1] for piece in held) >= _PIECE * sound.rate:
                    samples = np.concatenate([piece.samples for piece in held], axis=1)
                    out.send((samples, sound.rate))
                    held.clear()
    except (av.FFmpegError, OSError) as error:
        out.send(getattr(error, "strerror", None) or str(error))


def _show_alsa_its_files() -> None:
    """Tell the ALSA library inside PyAV's wheels where the system keeps devices and plugins."""
    share = Path("/usr/share/alsa")
    places = {"ALSA_CONFIG_DIR": share, "ALSA_CONFIG_PATH": share / "alsa.conf"}
    for pattern in ("lib/*/alsa-lib", "lib64/alsa-lib", "lib/alsa-lib"):
        for plugins in Path("/usr").glob(pattern):
            places["ALSA_PLUGIN_DIR"] = plugins
    for name, place in places.items():
        if os.getenv(name) is None and place.exists():
            os.putenv(name, str(place))
