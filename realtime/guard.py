"""Decides, frame by frame, where a true face is or may be that wears no swap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.geometry import five_points
from swapcast.realtime.detector import Detection
from swapcast.realtime.frame import Face, Points
from swapcast.realtime.landmarks import Landmarks

GuardMode = Literal["blur", "freeze", "slate", "pass"]
"""``blur``: at most eight cells across where the face is or may be. ``freeze``: the last good
picture. ``slate``: a plain picture. ``pass``: the true face."""

Box = NDArray[np.float32]
"""float32 [4]: left, top, right, bottom in luma pixels; may reach over the frame's edge."""

EVERYWHERE: Box = np.full(4, np.inf, np.float32)
"""Covers the whole picture."""

_CLEAN = 15  # checks in a row without anything near it after which a lost face counts as gone
_HELD = 150  # checks for which whatever is seen near a lost face keeps it covered
_GROWTH = 0.08  # of its size, how much the region of a lost face grows each frame
_LARGEST = 1.2  # times its size at most, on each side
_MARGIN = 0.25  # of its size, added around the box of a face: hair line, chin and ears
_START = 3  # checks without a doubt until a picture of which nothing is known is shown
_SOON, _DECIDED = 3, 5  # looks after which it may be, and is, decided what a hit is
_NOTHING, _FACE = 0.35, 0.8  # presence below which a hit is nothing, from which it is a face
_SURE = 0.5  # of the detector: what it is so sure of is never nothing
_AGAIN = 15  # frames after which something that was decided is looked at again
_FORGOTTEN = 30  # frames without a hit after which a decision is forgotten
_LOOKS = 2  # hits that are looked at closely in one frame
# How a hit's points may differ from those of the swap that covers it. On the test clips they lie
# 0.23 of its size apart at most, spread 0.86 to 1.44 times as far, and are turned by 40° at most.
_POINTS, _SPREAD, _ALIKE, _TURN = 0.3, 1.7, 0.75, np.radians(55)
_CLOSE = 0.12  # of its size: what lies further off is looked at from near
_PLANE = np.array([1, 1j])  # (x, y) as one complex number

Worn = Callable[[Points], bool]
"""Tells whether five points lie under a swap in this frame."""

LookAt = Callable[[Detection], Landmarks]
"""Looks closely at one hit of this frame."""


@dataclass(slots=True)
class _Lost:
    box: Box
    frames: int = 0
    """Since it was last seen near here."""
    clean: int = 0
    """Checks in a row without anything near it."""
    checks: int = 0
    """Since it was lost."""

    @property
    def region(self) -> Box:
        return enlarge(self.box, min(_MARGIN + _GROWTH * self.frames, _LARGEST))


@dataclass(slots=True)
class _Suspect:
    """Something that may be a true face, until it is decided what it is."""

    box: Box
    verdict: Literal["undecided", "face", "stranger", "nothing"] = "undecided"
    seen: list[float] = field(default_factory=list)
    """Presence in the last closer looks."""
    beside: int = 0
    """Frames in a row in which it was there beside a wearer whose swap was confirmed."""
    age: int = 0
    """Frames since the verdict."""
    unseen: int = 0
    """Frames since it was there."""

    def learn(self, presence: float) -> None:
        """Take in one closer look, and decide if that is possible now."""
        if self.verdict == "nothing":
            if presence < _NOTHING:
                self.age = 0
                return
            self.verdict, self.seen = "undecided", []
        self.seen = [*self.seen[1 - _DECIDED :], presence]
        likely = sum(self.seen) / len(self.seen)
        if len(self.seen) < _SOON:
            return
        if likely < _NOTHING:
            self.verdict, self.age, self.seen = "nothing", 0, []
        elif self.verdict == "stranger":
            self.age = 0
        elif len(self.seen) == _DECIDED or likely >= _FACE:
            self.verdict = "face"

    def take_for_stranger(self) -> None:
        """Leave it as it is, if it is a face."""
        if self.verdict == "face":
            self.verdict, self.age = "stranger", 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard says of one frame."""

    regions: tuple[Box, ...]
    """Where a true face is, or may be. They may reach over the frame's edges."""
    guarded: int
    """Faces that are covered: failed, lost, or found by the check alone."""
    undecided: int
    """Hits that are covered until it is decided what they are."""
    untouched: int
    """Faces that were decided to be strangers."""


class Guard:
    """Remembers the faces that wore a swap, and doubts whatever else may be one.

    Parameters
    ----------
    strangers : bool
        Whether there may be faces that are left as they are: not if everybody is swapped.
    """

    def __init__(self, *, strangers: bool = True) -> None:
        self._strangers = strangers
        self.forget()

    def forget(self) -> None:
        """Start from nothing: the whole picture is covered until it is known what is in it."""
        self._unknown = _START
        self._wearing: dict[int, Box] = {}
        self._lost: dict[int, _Lost] = {}
        self._suspects: list[_Suspect] = []

    @property
    def searching(self) -> tuple[Box, ...]:
        """Where the faces that wore a swap may be now, if they are out of sight."""
        worn = (enlarge(box, _MARGIN) for box in self._wearing.values())
        return (*(lost.region for lost in self._lost.values()), *worn)

    def is_stranger(self, face: Face) -> bool:
        """Tell whether a face was decided to be a stranger's."""
        suspects = (one for one in self._suspects if one.verdict == "stranger")
        return any(same_place(face.box, one.box) for one in suspects)

    def blind(self) -> Verdict:
        """Judge a frame that could not be checked: a face may be anywhere."""
        self._unknown = _START
        return Verdict((EVERYWHERE,), 1, 0, 0)

    def __call__(
        self,
        swapped: Sequence[Face],
        failed: Sequence[Face],
        others: Sequence[Face],
        hits: Sequence[Detection],
        look: LookAt,
        worn: Worn = lambda _: True,
    ) -> Verdict:
        """Judge one frame.

        Parameters
        ----------
        swapped : faces that wear their swap in this frame
        failed : faces that should, but could not be given it
        others : further faces that the analyser sees
        hits : whatever the check of this frame takes for a face
        look : looks closely at a hit
        worn : tells whether five points lie under a swap
        """
        bare = [hit for hit in hits if not self._wears(hit, swapped, look, worn)]
        confirmed = len(bare) < len(hits)
        bare = [hit for hit in bare if not any(same_place(hit.box, face.box) for face in failed)]
        doubted = self._doubt(bare, others, swapped, look, worn, confirmed=confirmed)
        self._follow_lost(swapped, failed, doubted)
        undecided = sum(one.verdict == "undecided" for one in doubted)
        faces = [one for one in doubted if one.verdict == "face"]
        self._unknown = 0 if confirmed else max(self._unknown - 1, 0)
        regions = [face.box for face in failed]
        regions += [one.box for one in doubted if one.verdict in ("undecided", "face")]
        boxes = [enlarge(box, _MARGIN) for box in regions]
        boxes += [lost.region for lost in self._lost.values()]
        guarded = len(failed) + len(faces) + len(self._lost)
        untouched = sum(one.verdict == "stranger" for one in doubted)
        if self._unknown:
            boxes, guarded = [EVERYWHERE], max(guarded, 1)
        return Verdict(tuple(boxes), guarded, undecided, untouched)

    @staticmethod
    def _wears(hit: Detection, swapped: Sequence[Face], look: LookAt, worn: Worn) -> bool:
        """Tell whether what the check sees wears a swap, and wears it in its place."""
        for face in swapped:
            if covers(face, hit) and worn(hit.points):
                if _gap(face, hit, hit.points) < _CLOSE:
                    return True
                # Of small and turned faces the detector's points are coarse: look from near.
                seen = look(hit)
                own = five_points(seen.points)
                return seen.presence >= _SURE and _gap(face, hit, own) < _CLOSE
        return False

    def _doubt(
        self,
        hits: Sequence[Detection],
        others: Sequence[Face],
        swapped: Sequence[Face],
        look: LookAt,
        worn: Worn,
        *,
        confirmed: bool,
    ) -> list[_Suspect]:
        """Go on deciding what each hit and each further face is; return those of this frame."""
        for suspect in self._suspects:
            suspect.unseen += 1
            suspect.age += 1
        here = [self._suspect(face.box) for face in others]
        for suspect, face in zip(here, others, strict=True):
            suspect.learn(face.score)
        looks = _LOOKS
        for hit in hits:
            if any(same_place(hit.box, one.box) for one in here):
                continue
            suspect = self._suspect(hit.box)
            here.append(suspect)
            settled = suspect.verdict in ("nothing", "stranger") and suspect.age < _AGAIN
            if looks and not settled:
                looks -= 1
                suspect.learn(self._likely(hit, look(hit), swapped, worn))
        for suspect in here:
            suspect.beside = suspect.beside + 1 if confirmed else 0
            if suspect.beside >= _SOON and suspect.verdict != "nothing" and self._strangers:
                suspect.take_for_stranger()
        self._suspects = [one for one in self._suspects if one.unseen <= _FORGOTTEN]
        return here

    @staticmethod
    def _likely(hit: Detection, seen: Landmarks, swapped: Sequence[Face], worn: Worn) -> float:
        """Weigh what a closer look at a hit found: how likely it is a face of its own."""
        found = replace(hit, points=five_points(seen.points))
        sits = any(covers(face, found) for face in swapped) and worn(found.points)
        if seen.presence >= _NOTHING and sits:
            return 0.0  # a chin or an eye of a face that wears its swap
        return max(seen.presence, hit.score) if hit.score >= _SURE else seen.presence

    def _suspect(self, box: Box) -> _Suspect:
        """Return what was doubted at this place before, or doubt it from now on."""
        for suspect in self._suspects:
            if suspect.unseen and same_place(suspect.box, box):
                break
        else:
            suspect = _Suspect(box)
            self._suspects.append(suspect)
        suspect.box, suspect.unseen = box, 0
        return suspect

    def _follow_lost(
        self, swapped: Sequence[Face], failed: Sequence[Face], doubted: Sequence[_Suspect]
    ) -> None:
        here = {face.track: face.box for face in (*swapped, *failed)}
        for track, box in self._wearing.items():
            if track not in here:
                self._lost.setdefault(track, _Lost(box))
        self._wearing = here
        for track, lost in list(self._lost.items()):
            lost.frames, lost.clean, lost.checks = lost.frames + 1, lost.clean + 1, lost.checks + 1
            for one in doubted:
                # What looks like nothing may still be the lost face behind a hand.
                doubtful = one.verdict in ("undecided", "face")
                doubtful = doubtful or (one.verdict == "nothing" and lost.checks <= _HELD)
                if doubtful and _overlap(one.box, lost.region):
                    lost.box, lost.frames, lost.clean = one.box, 1, 0
            found = any(_centre_inside(face.box, lost.region) for face in swapped)
            if track in here or (found and lost.clean) or lost.clean > _CLEAN:
                del self._lost[track]


def covers(face: Face, hit: Detection) -> bool:
    """Tell whether a face sits where a hit is: their five points agree.

    They must lie near each other, be of one size, and form the same figure turned by little: the
    mean of any points that make no sense lies in the middle of the face as well.
    """
    if not _gap(face, hit, hit.points) < _POINTS:
        return False
    ours, theirs = (points @ _PLANE for points in (face.points, hit.points))
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    spread, wanted = np.linalg.norm(ours), np.linalg.norm(theirs)
    alike = np.vdot(ours, theirs) / max(float(spread * wanted), 1e-9)
    turn = abs(float(np.angle(alike)))
    return bool(wanted / _SPREAD < spread < wanted * _SPREAD and abs(alike) > _ALIKE) and (
        turn < _TURN
    )


def _gap(face: Face, hit: Detection, points: Points) -> float:
    """Return the mean distance of five points from those of a face, in sizes of the hit's box."""
    size = float(np.sqrt(np.prod(np.maximum(hit.box[2:] - hit.box[:2], 1))))
    return float(np.hypot(*(face.points - points).T).mean()) / size


def enlarge(box: Box, margin: float) -> Box:
    """Return a box that is larger by ``margin`` times its size on each side."""
    by = np.array([box[2] - box[0], box[3] - box[1]], np.float32) * np.float32(margin)
    return np.concatenate((box[:2] - by, box[2:] + by)).astype(np.float32)


def same_place(a: Box, b: Box) -> bool:
    """Tell whether two boxes are about one thing: the middle of each lies within the other."""
    return _centre_inside(a, b) and _centre_inside(b, a)


def _centre_inside(box: Box, region: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return bool(region[0] <= x <= region[2] and region[1] <= y <= region[3])


def _overlap(a: Box, b: Box) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())
