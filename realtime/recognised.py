"""Swaps the people who are recognised by their reference pictures, and nobody else.

Each face that is followed gathers evidence: how like the references it looks (cosine of the
identity network's vectors), look by look. It is somebody who wears a swap, or a stranger, only if
several looks agree; until then it is covered. Being taken for a stranger needs more than losing
that: one look that resembles a reference is enough to be covered again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.frame import Face, Frame, Points
from swapcast.realtime.guard import Guard
from swapcast.realtime.identity_looks import IdentityLooks
from swapcast.realtime.places import Box
from swapcast.realtime.who import Roles

Floats = NDArray[np.float32]

UNKNOWN, STRANGER = -2, -1

# Likeness to the nearest reference; the network says which cosines are 0 and 1: see
# `swapcast.export.embedder`.
SAME = 1.0
"""Mean from which a face is the person's."""
DIFFERENT = 0.0
"""Mean up to which a face is a stranger's; between the two it stays covered."""
ALARM = 0.9
"""Of one look, from which a stranger is doubted again."""
GONE = -0.3
"""Mean up to which somebody who was recognised is doubted again: profiles look like nobody."""
BESIDE = 0.5
"""How much more alike somebody else must be who wears the swap, so that a face in between is a
stranger's after all, and one that is alike as well is covered: it may be a mirror, or a brother."""

_LEAST, _MOST = 2, 5  # looks that must agree; looks that are kept
_WEARER_EVERY, _STRANGER_EVERY = 12, 4  # frames between two looks at a face that is decided
_SILENCE = 30  # frames for which a question may be unanswered; then no stranger is trusted
_KEPT = 90  # frames for which a track that is out of sight is remembered
_MISSED = 3  # frames out of sight after which a stranger must be recognised anew
_JUMP = 0.6  # of its size, that a stranger's face may move from one frame to the next
_SMALLEST = 10.0  # pixels between the eyes, below which a face shows too little
_PROFILE = 0.55  # distance of the eyes over that from eyes to mouth, below which it is a profile


@dataclass(slots=True)
class _Known:
    """What is known of one face that is followed."""

    box: Box
    who: int = UNKNOWN
    """Number of the person, `STRANGER` or `UNKNOWN`."""
    likeness: list[Floats] = field(default_factory=list)
    """float32 [people]: of each of the last looks."""
    seen: int = 0
    """Frame in which it was there last."""
    looked: int = -1000
    """Frame in which it was asked about last."""
    worn: bool = False
    """Whether it has worn the person's swap."""

    @property
    def pending(self) -> bool:
        """Whether it is being looked at and was not yet looked at often enough."""
        return self.who == UNKNOWN and self.looked >= 0 and len(self.likeness) < _LEAST

    @property
    def mean(self) -> Floats:
        """float32 [people]: likeness over the last looks."""
        return np.asarray(np.mean(self.likeness, 0), np.float32)

    def learn(self, likeness: Floats) -> None:
        """Take in one look, and decide if that is possible now."""
        self.likeness = [*self.likeness[1 - _MOST :], likeness]
        mean = self.mean
        best = int(mean.argmax())
        alarm = self.who == STRANGER and likeness.max() >= ALARM
        gone = self.who >= 0 and len(self.likeness) == _MOST and mean[self.who] <= GONE
        if alarm or gone:
            self.who, self.likeness, self.worn = UNKNOWN, [likeness], False
        elif self.who == UNKNOWN and len(self.likeness) >= _LEAST:
            if mean[best] >= SAME:
                self.who = best
            elif mean[best] <= DIFFERENT:
                self.who = STRANGER


class Recognised:
    """Gives the people of the references their swap, and leaves recognised strangers alone.

    Parameters
    ----------
    references : one float32 [k, n] a person
        Vectors of the reference pictures, each of length 1.
    looks : the identity network, entered
    swappers : which swapper each person wears; nothing given: all wear the first
    scale : cosines that count as a likeness of 0 and of 1: `FaceEmbedder.scale`
    wait : bool
        Leave strangers alone only once one of the people was recognised; until then everybody is
        covered. So nobody shows who is not known here and thought that their face would be swapped.
    """

    doubts = False

    def __init__(
        self,
        references: Sequence[Floats],
        looks: IdentityLooks,
        swappers: Sequence[int] = (),
        *,
        scale: tuple[float, float] = (0.0, 1.0),
        wait: bool = False,
    ) -> None:
        self._all = np.concatenate(references)
        self._first = np.cumsum([0, *(len(one) for one in references[:-1])])
        self._looks, self._scale = looks, scale
        self._swappers = tuple(swappers) or (0,) * len(references)
        self._known: dict[int, _Known] = {}
        self._frame = 0
        self._unanswered: int | None = None
        self._waiting = wait

    def restart(self) -> None:
        """Forget who was who; everybody is covered until recognised again."""
        self._known.clear()
        self._unanswered = None
        self._looks.restart()

    def __call__(self, frame: Frame, faces: Sequence[Face], guard: Guard) -> Roles:
        """Say who is who, by what was seen until now."""
        self._frame += 1
        self._follow(faces)
        self._learn()
        if not self._looks.busy:
            self._ask(frame, faces)
            self._learn()  # offline the answer is there already
        return self._roles(faces)

    def _follow(self, faces: Sequence[Face]) -> None:
        for face in faces:
            known = self._known.setdefault(face.track, _Known(face.box, seen=self._frame))
            away = self._frame - known.seen
            if known.who == STRANGER and (away > _MISSED or _moved(known.box, face.box) > _JUMP):
                known.who, known.likeness = UNKNOWN, []  # somebody else may have come there
            known.box, known.seen = face.box, self._frame
        for track in [t for t, one in self._known.items() if self._frame - one.seen > _KEPT]:
            del self._known[track]

    def _learn(self) -> None:
        answers = self._looks.answers() or ()
        if answers:
            self._unanswered = None
        elif self._unanswered is not None and self._frame - self._unanswered > _SILENCE:
            self._mistrust()
        for seen in answers:
            known = self._known.get(seen.track)
            if known is not None:
                # A mean of unit vectors would favour who has many pictures: the nearest counts.
                likeness = np.maximum.reduceat(self._all @ seen.vector, self._first)
                low, high = self._scale
                known.learn(((likeness - low) / (high - low)).astype(np.float32))
        self._compare()

    def _compare(self) -> None:
        """Take who is neither like nor unlike for a stranger, beside somebody much more alike."""
        here = [one for one in self._known.values() if one.seen == self._frame and one.likeness]
        for known in here:
            if known.who != UNKNOWN or len(known.likeness) < _MOST:
                continue
            mean = known.mean
            best = int(mean.argmax())
            rivals = [one.mean[best] for one in here if one.who == best]
            if mean[best] < SAME and max(rivals, default=-np.inf) > mean[best] + BESIDE:
                known.who = STRANGER

    def _mistrust(self) -> None:
        """Doubt all strangers, because the network is silent and nobody watches them any more."""
        for known in self._known.values():
            if known.who == STRANGER:
                known.who, known.likeness = UNKNOWN, []

    def _ask(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Have those looked at of whom it is not known, and by turns the others."""
        due: list[tuple[int, int, Face]] = []
        for face in faces:
            known = self._known[face.track]
            every = {UNKNOWN: 0, STRANGER: _STRANGER_EVERY}.get(known.who, _WEARER_EVERY)
            if self._frame - known.looked > every and recognisable(face.points):
                due.append((known.who != UNKNOWN, known.looked, face))
        if not due:
            return
        due.sort(key=lambda one: one[:2])
        # One face a frame keeps the others' knowledge fresh; who is unknown cannot wait.
        urgent = [face for decided, _, face in due if not decided]
        picked = urgent or [due[0][2]]
        for face in picked:
            self._known[face.track].looked = self._frame
        if self._unanswered is None:
            self._unanswered = self._frame
        self._looks.ask(frame, picked)

    def _roles(self, faces: Sequence[Face]) -> Roles:
        wearers, unknown, strangers = [], [], []
        here = [self._known[face.track] for face in faces]
        best = {who: max(one.mean[who] for one in here if one.who == who)
                for who in {one.who for one in here} - {STRANGER, UNKNOWN}}  # fmt: skip
        pending = any(one.pending for one in here)  # somebody may be more alike still
        for face, known in zip(faces, here, strict=True):
            who = known.who
            early = pending and not known.worn and len(known.likeness) < _MOST
            if who == STRANGER:
                strangers.append(face)
            elif who == UNKNOWN or early or known.mean[who] < best[who] - BESIDE:
                unknown.append(face)
            else:
                known.worn = True
                wearers.append((face, self._swappers[who]))
        self._waiting = self._waiting and not wearers
        if self._waiting:
            unknown, strangers = [*unknown, *strangers], []
        return Roles(tuple(wearers), (), tuple(unknown), tuple(strangers))


def recognisable(points: Points) -> bool:
    """Tell whether a face is large enough and turned little enough to be recognised by its looks.

    Parameters
    ----------
    points : float32 [5, 2], the five points, luma pixels
    """
    eyes = float(np.hypot(*(points[1] - points[0])))
    down = float(np.hypot(*(points[3:].mean(0) - points[:2].mean(0))))
    return eyes >= _SMALLEST and eyes >= _PROFILE * down


def _moved(before: Box, now: Box) -> float:
    """Return how far the middle of a face moved, in sizes of the face."""
    size = float(np.sqrt(np.prod(np.maximum(before[2:] - before[:2], 1))))
    return float(np.hypot(*((now[:2] + now[2:] - before[:2] - before[2:]) / 2))) / size
