"""Who in the picture is swapped: the largest face, everybody, or people who are recognised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.guard import Guard
from swapcast.realtime.places import Box, same_place

WhoKind = Literal["enrolled", "largest", "all", "map"]
"""``enrolled``: the people whose reference pictures are known. ``map``: each of them with a face of
their own."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What each face of a frame is to be."""

    wearers: tuple[tuple[Face, int], ...] = ()
    """Faces that are swapped, and the number of the swapper of each."""
    others: tuple[Face, ...] = ()
    """Further faces; the guard finds out whether they may be left as they are."""
    unknown: tuple[Face, ...] = ()
    """Faces of which it is not known yet whose they are: they are covered."""
    strangers: tuple[Face, ...] = ()
    """Faces that were recognised as nobody's who is swapped: they are left as they are."""


class Who(Protocol):
    """Gives each face its role."""

    @property
    def doubts(self) -> bool:
        """Whether the guard may find strangers by itself, beside a confirmed wearer."""

    def __call__(self, frame: Frame, faces: Sequence[Face], guard: Guard) -> Roles:
        """Say what the faces of one frame are; frames come in order."""
        ...

    def restart(self) -> None:
        """Forget who was who."""
        ...


class Everybody:
    """Every face is swapped."""

    doubts = False

    def __call__(self, frame: Frame, faces: Sequence[Face], guard: Guard) -> Roles:
        """Say that all faces wear the first swapper's."""
        return Roles(tuple((face, 0) for face in faces))

    def restart(self) -> None:
        """There is nothing to forget."""


@dataclass
class Largest:
    """The largest face is swapped.

    It keeps its role while it is there, and while it is lost and looked for, so that somebody who
    steps nearer to the camera does not take the swap away.
    """

    doubts: bool = field(default=True, init=False)
    _wearer: int = field(default=-1, init=False)

    def __call__(self, frame: Frame, faces: Sequence[Face], guard: Guard) -> Roles:
        """Choose one face; the guard doubts the others."""
        chosen = self._choose(faces, guard)
        if chosen is None:
            return Roles(others=tuple(faces))
        return Roles(((chosen, 0),), tuple(face for face in faces if face is not chosen))

    def restart(self) -> None:
        """Keep what is known: the face that was followed is still the wearer's."""

    def _choose(self, faces: Sequence[Face], guard: Guard) -> Face | None:
        for face in faces:
            if face.track == self._wearer:
                return face
        searching = guard.searching
        if searching:
            # The wearer is out of sight: it is whoever turns up there, or is new in the picture.
            here = [face for face in faces if any(same_place(face.box, box) for box in searching)]
            faces = here or [face for face in faces if not guard.is_stranger(face)]
        if not faces:
            return None
        largest = max(faces, key=lambda face: float(_area(face.box)))
        self._wearer = largest.track
        return largest


def _area(box: Box) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
