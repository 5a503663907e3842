"""Bring live sound, of a device or of the clip that is played, to the sinks that take sound."""

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import av

from swapcast.realtime.audio import Sound, SoundLine, decoded
from swapcast.realtime.errors import SettingError, SourceError
from swapcast.realtime.mailbox import Closed, Latest
from swapcast.realtime.microphone import microphone
from swapcast.realtime.pace import wait_until
from swapcast.realtime.worker import on_thread

_PAST = 1.0  # seconds; sound older than this is skipped, the clip went on without it
_LOOK = 0.1  # seconds between two looks at the request to stop
_MOMENT = 0.3  # seconds that the pictures are given to say that they were held up too
_SEEN = 0.2  # seconds from which the pictures are inside the clip, not at its beginning
_SEAM = 0.03  # seconds that two pieces of sound may overlap where the clip was put off


@contextmanager
def listening(
    spec: str,
    lines: Sequence[SoundLine],
    *,
    clip: Path | None,
    plays: Latest[float],
    on_event: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Send sound to every line for the length of the ``with`` block.

    A device that cannot be opened is an error at once; one that falls silent later, and a clip
    whose sound cannot be read, are events: the picture goes on.

    Parameters
    ----------
    spec : str
        ``none``, ``source`` (the clip's own sound) or a sound device.
    lines : sequence of SoundLine
        One a sink: each `SinkSettings.sound`.
    clip : path, optional
        What the source plays; ``None`` if it is no clip.
    plays : Latest of float
        Holds, each time the clip starts or is put off, the ``captured_at`` of its time stamp 0:
        give its ``put`` to `open_source` as ``on_play``.
    on_event : callable
        Is told, in one line, that the sound was lost.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    SettingError
        If the source is no clip but its sound is asked for.
    SourceError
        If the device cannot be opened.
    """
    if spec == "none" or not lines:
        yield
        return
    if spec == "source" and clip is None:
        raise SettingError("--audio source needs a clip as the source; give a sound device or none")
    left = threading.Event()
    sounds = partial(microphone, spec, clock)
    if spec == "source" and clip is not None:
        sounds = partial(clip_sound, clip, plays, stop=left.is_set, clock=clock)

    def produce() -> Iterator[float]:
        heard = spec == "source"
        try:
            for sound in sounds():
                heard = True
                for line in lines:
                    line.put(sound)
                yield sound.captured_at
        except SourceError as error:
            if not heard:
                raise
            on_event(str(error))

    with on_thread("audio", produce) as door:
        if spec != "source":
            door.get()
        try:
            yield
        finally:
            left.set()


def clip_sound(
    clip: Path,
    plays: Latest[float],
    *,
    stop: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Sound]:
    """Play a clip's own sound when its pictures are played; nothing if it has none.

    Parameters
    ----------
    clip : path
    plays : Latest of float
        Holds, each time the clip starts or is put off, the ``captured_at`` of its time stamp 0.
    stop : callable
        Is asked often whether the sound should end.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    SourceError
        If the clip cannot be read.
    """
    begins: float | None = None
    heard = -math.inf  # until when there was sound
    try:
        while not stop():
            begins = plays.get(timeout=_LOOK) if begins is None else begins
            if begins is not None:
                heard, begins = yield from _once(clip, begins, heard, plays, stop, clock)
    except Closed:
        return
    except (av.FFmpegError, OSError) as error:
        raise SourceError(
            f"the sound of {clip} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error


def _once(
    clip: Path,
    begins: float,
    heard: float,
    plays: Latest[float],
    stop: Callable[[], bool],
    clock: Callable[[], float],
) -> Generator[Sound, None, tuple[float, float | None]]:
    """Play the sound from where the pictures are, until it ends or the pictures are put off.

    Returns until when there was sound, and the time stamp 0 of what follows.
    """
    again: float | None = None
    patient = True
    with av.open(str(clip), metadata_errors="replace") as container:
        inside = clock() - begins
        if heard > -math.inf and inside > _SEEN:
            heard = max(heard, begins + inside)  # what lies before was heard, or never will be
            container.seek(round(max(0.0, inside - _PAST) * 1_000_000))
        for sound in decoded(container) if container.streams.audio else ():
            at = begins + sound.captured_at
            end = at + sound.samples.shape[1] / sound.rate
            if at < heard - _SEAM:
                continue
            late = patient and heard > -math.inf and end < clock() - _PAST
            patient = patient and not late
            again = plays.get(timeout=_MOMENT if late else 0) if again is None else again
            if (again is not None and end > again) or not wait_until(end, stop, clock):
                break
            if end > clock() - _PAST:
                heard = end
                yield Sound(sound.samples, sound.rate, at)
    return heard, again
