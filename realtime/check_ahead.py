"""The check of a frame, searched for on a thread of its own while the frame's face is swapped.

What is checked does not change, nor who decides: the search looks at the same frame with the same
network, and the swap's thread waits for its answer to this very frame before the frame may leave.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from swapcast.realtime.check import Check
from swapcast.realtime.detector import Detection
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Frame
from swapcast.realtime.landmarks import Landmarks
from swapcast.realtime.mailbox import Closed, Latest
from swapcast.realtime.worker import on_thread


@dataclass(frozen=True, slots=True)
class _Answer:
    frame: Frame
    hits: tuple[Detection, ...] | ModelError


class CheckAhead:
    """A check that can begin before its answer is asked for.

    One thread begins, asks and looks; entering and leaving (``with``) bound the life of the other.

    Parameters
    ----------
    check : looks at the frames; its search is called on the other thread, and never while `look` is
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._wanted: Latest[Frame] = Latest()
        self._answers: Latest[_Answer] | None = None
        self._opened = ExitStack()
        self._begun: Frame | None = None

    def begin(self, frame: Frame) -> None:
        """Search a frame on the other thread; `hits` of the same frame gives the answer."""
        if self._answers is None:
            self._wanted = Latest()
            self._answers = self._opened.enter_context(on_thread("check", self._searches))
            self._opened.callback(self._wanted.close)
        self._begun = frame
        self._wanted.put(frame)

    def hits(self, frame: Frame) -> tuple[Detection, ...]:
        """Wait for what may be a face in this frame, the surest first.

        Raises
        ------
        ModelError
            If the frame could not be checked.
        Exception
            What the search raised; it begins on a new thread next time.
        """
        if self._begun is not frame:
            self.begin(frame)
        answer = None
        try:
            answer = self._answer(frame)
        finally:
            if answer is None:  # the search has crashed, and its thread has ended
                self._end()
        if isinstance(answer.hits, ModelError):
            raise answer.hits
        return answer.hits

    def look(self, frame: Frame, hit: Detection) -> Landmarks:
        """Look closely at one hit; the search rests meanwhile."""
        return self._check.look(frame, hit)

    def _answer(self, frame: Frame) -> _Answer:
        assert self._answers is not None
        try:
            while True:
                answer = self._answers.get()
                if answer is not None and answer.frame is frame:
                    return answer
        except Closed as error:
            raise ModelError("the search has ended") from error

    def _searches(self) -> Iterator[_Answer]:
        for frame in self._wanted:
            try:
                answer = _Answer(frame, self._check.hits(frame))
            except ModelError as error:
                answer = _Answer(frame, error)
            yield answer

    def _end(self) -> None:
        self._begun, self._answers = None, None
        self._opened.close()

    def __enter__(self) -> "CheckAhead":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
