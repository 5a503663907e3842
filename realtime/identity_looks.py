"""Looks at who the faces of a frame are, beside the frames (live) or in them (offline)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from swapcast.realtime.embedding import Vector
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Face, Frame, Points
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.worker import on_thread

Embed = Callable[[Frame, Points], Vector]
"""Looks at one face: a `FaceEmbedder`."""

_AT_ONCE = 4  # faces of one frame at most: a thread must be done when the next ones come


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one face."""

    track: int
    vector: Vector


class IdentityLooks:
    """The identity network, asked about faces and answering later.

    Parameters
    ----------
    embed : callable
        Looks at one face. It is never called by two threads at once.
    detached : bool
        Look on a thread of its own (live): the answer comes with a later frame, and no frame waits.
        Otherwise in the frame itself, which gives the same answers every time (offline).
    on_event : is told when it failed, in one line
    """

    def __init__(
        self, embed: Embed, *, detached: bool, on_event: Callable[[str], None] = lambda _: None
    ) -> None:
        self._embed, self._detached, self._say = embed, detached, on_event
        self._asked: Latest[tuple[Frame, Sequence[Face]]] = Latest()
        self._answers: Latest[tuple[Seen, ...]] | None = None
        self._opened = ExitStack()
        self._kept: tuple[Seen, ...] | None = None
        self.busy = False
        """Whether an answer is still to come."""

    def __enter__(self) -> "IdentityLooks":
        self.busy = False
        if self._detached:
            self._asked = Latest()
            self._answers = self._opened.enter_context(on_thread("identity", self._looks))
            self._opened.callback(self._asked.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def restart(self) -> None:
        """Forget what was asked, and start the thread anew if it has ended."""
        self._kept, self.busy = None, False
        if self._answers is not None:
            self._opened.close()
            self.__enter__()

    def ask(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Have some faces of a frame looked at, the most urgent first."""
        faces = faces[:_AT_ONCE]
        self.busy = True
        if self._answers is None:
            self._kept = self._look(frame, faces)
        else:
            self._asked.put((frame, faces))

    def answers(self) -> tuple[Seen, ...] | None:
        """Return what was seen since it was asked; None: no answer yet.

        Raises
        ------
        Exception
            What ended the thread.
        """
        found = self._kept if self._answers is None else self._answers.get(timeout=0)
        self._kept = None
        self.busy = self.busy and found is None
        return found

    def _looks(self) -> Iterator[tuple[Seen, ...]]:
        for frame, faces in self._asked:
            yield self._look(frame, faces)

    def _look(self, frame: Frame, faces: Sequence[Face]) -> tuple[Seen, ...]:
        seen = []
        for face in faces:
            try:
                seen.append(Seen(face.track, self._embed(frame, face.points)))
            except ModelError as error:
                self._say(f"a face could not be recognised: {error}")
        return tuple(seen)
