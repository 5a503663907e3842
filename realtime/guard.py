"""Decides, frame by frame, where a true face is or may be that wears no swap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from swapcast.kernels.geometry import five_points
from swapcast.realtime.detector import Detection
from swapcast.realtime.frame import Face, Points
from swapcast.realtime.landmarks import Landmarks
from swapcast.realtime.places import (
    Box,
    centre_inside,
    covers,
    enlarge,
    gap,
    head,
    nearest,
    overlap,
    part_of,
    same_place,
)
from swapcast.realtime.suspects import NOTHING, SOON, Suspect

GuardMode = Literal["blur", "freeze", "slate", "pass"]
"""``blur``: at most eight cells across where the face is or may be. ``freeze``: the last good
picture. ``slate``: a plain picture. ``pass``: the true face."""

EVERYWHERE: Box = np.full(4, np.inf, np.float32)
"""Covers the whole picture."""

_CLEAN = 15  # checks in a row without anything near it after which a lost face counts as gone
_HELD = 150  # checks for which whatever is seen near a lost face keeps it covered
_GROWTH = 0.08  # of its size, how much the region of a lost face grows each frame
_LARGEST = 1.2  # times its size at most, on each side
_MARGIN = 0.25  # of its size, added around the box of a face: hair line, chin and ears
_START = 3  # checks without a doubt until a picture of which nothing is known is shown
_SURE = 0.5  # of the detector: what it is so sure of is never nothing
_AGAIN = 15  # frames after which something that was decided is looked at again
_FORGOTTEN = 30  # frames without a hit after which a decision is forgotten
_GRACE = 3  # frames in which a stranger whom the tracker lost is still the one at that place
_LOOKS = 2  # hits that are looked at closely in one frame
_CLOSE = 0.12  # of its size: what lies further off is looked at from near
_STEPS, _NEAR = 2, 0.5  # looks at what a hit is part of; of its size, how far the first may be off
_EARS = 0.15  # of its size, that a head is wider than its landmarks on each side

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
    found: tuple[Detection, ...] = ()
    """Faces that the check alone has found: nobody follows them."""


class Guard:
    """Remembers the faces that wore a swap, and doubts whatever else may be one.

    Parameters
    ----------
    strangers : bool
        Whether a face that is there beside the wearer for a while may be left as it is: not if
        everybody is swapped, and not if strangers are recognised as such.
    """

    def __init__(self, *, strangers: bool = True) -> None:
        self._strangers = strangers
        self.forget()

    def forget(self) -> None:
        """Start from nothing: the whole picture is covered until it is known what is in it."""
        self._unknown = _START
        self._wearing: dict[int, Box] = {}
        self._lost: dict[int, _Lost] = {}
        self._suspects: list[Suspect] = []
        self._left: dict[int, tuple[Box, int]] = {}

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
        *,
        unknown: Sequence[Face] = (),
        strangers: Sequence[Face] = (),
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
        unknown : faces of which it is not known yet whose they are; they are covered
        strangers : faces that were recognised as nobody's who is swapped; they are left as they are
        """
        bare = [hit for hit in hits if not self._wears(hit, swapped, look, worn)]
        confirmed = len(bare) < len(hits)
        wearing = [hit for hit in hits if not any(hit is one for one in bare)]
        bare = [h for h in bare if not (any(part_of(h, one) for one in wearing) and worn(h.points))]
        settled = [head(face.box) for face in (*failed, *unknown)]
        settled += self._leave(strangers, unknown)
        bare = [hit for hit in bare if not any(same_place(hit.box, box) for box in settled)]
        known = (*failed, *unknown, *strangers)
        doubted = self._doubt(bare, others, swapped, known, look, worn, confirmed=confirmed)
        self._follow_lost(swapped, failed, doubted)
        undecided = sum(one.verdict == "undecided" for one in doubted) + len(unknown)
        faces = [one for one in doubted if one.verdict == "face"]
        self._unknown = 0 if confirmed else max(self._unknown - 1, 0)
        regions = [face.box for face in (*failed, *unknown)]
        regions += [one.box for one in doubted if one.verdict in ("undecided", "face")]
        boxes = [enlarge(box, _MARGIN) for box in regions]
        boxes += [lost.region for lost in self._lost.values()]
        guarded = len(failed) + len(faces) + len(self._lost)
        untouched = sum(one.verdict == "stranger" for one in doubted) + len(strangers)
        if self._unknown:
            boxes, guarded = [EVERYWHERE], max(guarded, 1)
        found = tuple(one.hit for one in faces if one.hit is not None)
        return Verdict(tuple(boxes), guarded, undecided, untouched, found)

    def _leave(self, strangers: Sequence[Face], unknown: Sequence[Face]) -> list[Box]:
        """Return where recognised strangers are, or were some frames ago and cannot have left."""
        here = {face.track: (face.box, 0) for face in strangers}
        doubtful = {face.track for face in unknown}
        for track, (box, frames) in self._left.items():
            if track not in here and track not in doubtful and frames < _GRACE:
                here[track] = box, frames + 1
        self._left = here
        return [head(box) for box, _ in here.values()]

    @staticmethod
    def _wears(hit: Detection, swapped: Sequence[Face], look: LookAt, worn: Worn) -> bool:
        """Tell whether what the check sees wears a swap, and wears it in its place."""
        for face in swapped:
            if covers(face, hit) and worn(hit.points):
                if gap(face, hit, hit.points) < _CLOSE:
                    return True
                # Of small and turned faces the detector's points are coarse: look from near.
                seen = look(hit)
                own = five_points(seen.points)
                return seen.presence >= _SURE and gap(face, hit, own) < _CLOSE
        return False

    def _doubt(
        self,
        hits: Sequence[Detection],
        others: Sequence[Face],
        swapped: Sequence[Face],
        known: Sequence[Face],
        look: LookAt,
        worn: Worn,
        *,
        confirmed: bool,
    ) -> list[Suspect]:
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
            suspect.hit = hit
            if suspect.belongs not in {face.track for face in known}:
                suspect.belongs = None
            decided = suspect.verdict in ("nothing", "stranger") or suspect.belongs is not None
            if looks and not (decided and suspect.age < _AGAIN):
                looks -= 1
                seen = look(hit)
                suspect.belongs = _part_of(known, hit, seen, look)
                if suspect.belongs is None:
                    suspect.learn(self._likely(hit, seen, swapped, worn))
                else:
                    suspect.age = 0
        here = [suspect for suspect in here if suspect.belongs is None]
        for suspect in here:
            suspect.beside = suspect.beside + 1 if confirmed else 0
            if suspect.beside >= SOON and suspect.verdict != "nothing" and self._strangers:
                suspect.take_for_stranger()
        self._suspects = [one for one in self._suspects if one.unseen <= _FORGOTTEN]
        return here

    @staticmethod
    def _likely(hit: Detection, seen: Landmarks, swapped: Sequence[Face], worn: Worn) -> float:
        """Weigh what a closer look at a hit found: how likely it is a face of its own."""
        found = replace(hit, points=five_points(seen.points))
        sits = any(covers(face, found) for face in swapped) and worn(found.points)
        if seen.presence >= NOTHING and sits:
            return 0.0  # a chin or an eye of a face that wears its swap
        return max(seen.presence, hit.score) if hit.score >= _SURE else seen.presence

    def _suspect(self, box: Box) -> Suspect:
        """Return what was doubted at this place before, or doubt it from now on."""
        for suspect in self._suspects:
            if suspect.unseen and same_place(suspect.box, box):
                break
        else:
            suspect = Suspect(box)
            self._suspects.append(suspect)
        suspect.box, suspect.unseen = box, 0
        return suspect

    def _follow_lost(
        self, swapped: Sequence[Face], failed: Sequence[Face], doubted: Sequence[Suspect]
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
                if doubtful and overlap(one.box, lost.region):
                    lost.box, lost.frames, lost.clean = one.box, 1, 0
            found = any(centre_inside(face.box, lost.region) for face in swapped)
            if track in here or (found and lost.clean) or lost.clean > _CLEAN:
                del self._lost[track]


def _part_of(known: Sequence[Face], hit: Detection, seen: Landmarks, look: LookAt) -> int | None:
    """Return the track of the face on which a hit lies and at which closer looks end.

    From a collar or a beard, the first look finds the face that it belongs to but not its exact
    place; a look from where that one ended does.
    """
    for again in range(_STEPS):
        own = five_points(seen.points)
        face, off = nearest(known, own)
        if face is None or off >= _NEAR or seen.presence < NOTHING:
            return None
        if off < _CLOSE and seen.presence >= _SURE:
            there = enlarge(head(face.box), _EARS)
            return face.track if centre_inside(hit.box, there) else None
        if again + 1 < _STEPS:
            bounds = np.concatenate((seen.points.min(0), seen.points.max(0)))
            seen = look(replace(hit, box=head(bounds), points=own))
    return None
