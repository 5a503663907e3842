"""Finds and follows the faces of every frame."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

from swapcast.export.runners import Provider
from swapcast.realtime.detector import Detection, detector
from swapcast.realtime.errors import SettingError
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.tracker import Look, Tracker
from swapcast.realtime.worker import on_thread
from swapcast.realtime.yunet import YuNet

Detect = Callable[[Frame], tuple[Detection, ...]]
"""Finds the faces of one frame, on its own."""

AnalyserKind = Literal["own", "yunet", "insightface"]

_HEEDED, _HINTS = 5, 2  # frames between two looks at what others suggest; faces at each
_EVERY = 10  # frames between two looks for new faces, while there is one


class FaceAnalyser(Protocol):
    """Finds the faces of each frame."""

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """Return the faces in sight; frames come in order."""
        ...

    def __enter__(self) -> "FaceAnalyser": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Analyser:
    """A detector finds faces, the landmark network follows each through every frame.

    Parameters
    ----------
    detect : callable
        Finds the faces of one frame. It is never called by two threads at once.
    look : callable
        Reads the landmarks of one crop: a `LandmarkNet`.
    size : int
        Side of that crop, pixels.
    detached : bool
        Look for further faces on a thread of its own (live). Otherwise in the frame itself, which
        gives the same faces every time (offline). While no face is in sight, the frame itself is
        searched in both cases, so that a face is found where it appears.
    every : int
        Frames between two searches while a face is in sight.
    """

    def __init__(
        self, detect: Detect, look: Look, size: int, *, detached: bool, every: int = _EVERY
    ) -> None:
        self._detect, self._detached = detect, detached
        self._every = self._usual = every
        self._tracker = Tracker(look, size)
        self._wanted: Latest[Frame] = Latest()
        self._hints: Latest[tuple[Detection, ...]] = Latest()
        self._found: Latest[tuple[Detection, ...]] | None = None
        self._one_at_a_time = threading.Lock()
        self._opened = ExitStack()
        self._since = 0

    def __enter__(self) -> "Analyser":
        if self._detached:
            self._wanted = Latest()
            self._found = self._opened.enter_context(on_thread("detect", self._searches))
            self._opened.callback(self._wanted.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def restart(self) -> None:
        """Forget every face, and start the searching thread anew if it has ended."""
        self._tracker.forget()
        self._since = 0
        if self._found is not None:
            self._opened.close()
            self.__enter__()

    def ease(self, level: int) -> None:
        """Do less, because the machine is too slow; 0 is everything.

        From 1 on faces are searched for half as often, from 2 on a quarter as often; from 3 on a
        known face is looked at once a frame at most, from 4 on in every other frame.
        """
        self._every = self._usual * (1, 2, 4)[min(level, 2)]
        self._tracker.looks = 2 if level < 3 else 1
        self._tracker.every = 1 if level < 4 else 2

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """Follow the faces known so far into this frame, and take in new ones.

        Raises
        ------
        Exception
            What the detector raised on its thread.
        """
        self._tracker(frame)
        self._since += 1
        found: tuple[Detection, ...] = ()
        if not self._tracker.alive:
            found = self._search(frame)
        elif self._found is not None:
            found = self._found.get(timeout=0) or ()
            if self._since >= self._every:
                self._since = 0
                self._wanted.put(frame)
        elif self._since >= self._every:
            found = self._search(frame)
        if frame.number % _HEEDED == 0:
            found += (self._hints.get(timeout=0) or ())[:_HINTS]
        return self._tracker.add(frame, found)

    def suggest(self, found: Sequence[Detection]) -> None:
        """Be told of faces that others found and that are not followed, on any thread."""
        self._hints.put(tuple(found))

    def _search(self, frame: Frame) -> tuple[Detection, ...]:
        self._since = 0
        with self._one_at_a_time:
            return self._detect(frame)

    def _searches(self) -> Iterator[tuple[Detection, ...]]:
        for frame in self._wanted:
            with self._one_at_a_time:
                found = self._detect(frame)
            yield found


def open_analyser(
    kind: AnalyserKind,
    *,
    detached: bool,
    model: Path | None = None,
    provider: Provider = "cpu",
    threads: int = 1,
) -> FaceAnalyser:
    """Make the analyser of one kind; entering it (``with``) starts it.

    Parameters
    ----------
    kind : ``own`` (the bundled networks), ``yunet`` or ``insightface``
    detached : bool
        True for live use: searching for new faces never keeps a frame waiting while one is known.
    model : path
        For ``yunet`` its ONNX file, for ``insightface`` the folder of a model pack.
    provider : what computes
    threads : int ≥ 1
        Of one network.

    Raises
    ------
    SettingError
        If ``yunet`` or ``insightface`` is given no model.
    ModelError
        If a network is missing, damaged, or of another form.
    """
    if kind == "insightface":
        from swapcast.realtime.insightface_analyser import InsightFace  # noqa: PLC0415 - an extra

        return InsightFace(model, provider=provider)
    detect: Detect
    if kind == "own":
        if model is not None:
            raise SettingError(
                f"the bundled detector takes no model, {model} was given; leave it out, "
                "or name the detector it belongs to (yunet, insightface)"
            )
        detect = detector(provider=provider)
    else:
        if model is None:
            raise SettingError("yunet needs its ONNX file: give it with --detector-model")
        detect = YuNet(model)
    look = landmark_net(provider=provider, threads=threads)
    return Analyser(detect, look, look.size, detached=detached)
