"""What an evaluation counts for one face on one clip."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.evaluators import Sight
from swapcast.models.landmarks_turning import Picture

FRAMES = 10
"""Of each clip, evenly spaced, whose identity is retrieved."""
_BLINK = 0.7  # of the eyes' usual opening: below, they are shut
_NEAR = 3  # frames by which a swap may blink earlier or later
_STILL = 160  # pixels a side

Code = NDArray[np.float32]


@dataclass(frozen=True)
class Gallery:
    """Who there is, as the recogniser sees them."""

    names: tuple[str, ...]
    codes: Code
    """float32 [n, 256], length 1."""

    def nearest(self, code: Code, wearer: Code) -> str:
        """Return whose face it is, among the gallery and the ``wearer``, who has no name here."""
        best = int((self.codes @ code).argmax())
        return "" if float(wearer @ code) > float(self.codes[best] @ code) else self.names[best]

    def alike(self, name: str, code: Code) -> float:
        """Return the cosine to one of them."""
        return float(self.codes[self.names.index(name)] @ code)


@dataclass(frozen=True)
class Still:
    """One face before and after, for the eye."""

    before: Picture
    """uint8 [160, 160, 3], BGR."""
    after: Picture

    @classmethod
    def of(cls, before: Picture, after: Picture, box: NDArray[np.float32]) -> "Still":
        """Cut the face with its surroundings out of both pictures."""
        middle, side = (box[:2] + box[2:]) / 2, 1.8 * float((box[2:] - box[:2]).max())
        scale = _STILL / side
        way = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
        way[:, 2] = _STILL / 2 - scale * middle
        size = (_STILL, _STILL)
        cut = [np.asarray(cv2.warpAffine(p, way, size), np.uint8) for p in (before, after)]
        return cls(*cut)


@dataclass
class Row:
    """One face on one clip; without a name, the wearer's own picture."""

    face: str
    clip: str
    whose: str = ""
    """Of the gallery: who should be seen; empty: the wearer."""
    frames: int = 0
    """In which the wearer's face was marked."""
    before: list[Sight] = field(default_factory=list)
    after: list[Sight] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    flicker: float | None = None
    similarity: float | None = None
    retrieved: float | None = None
    copied: float | None = None
    """What ``similarity`` would be, had the wearer's own picture been left as it was."""
    wearer: float | None = None
    """Mean cosine between what is seen and the wearer."""
    hidden: float | None = None
    seams: list[float] = field(default_factory=list)
    skins: list[float] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=dict)

    def add(
        self, seen: Sight, made: Sight, seam: float | None = None, skin: float | None = None
    ) -> None:
        """Take one frame before and after, and how its face is blended in, as far as is known."""
        self.before.append(seen)
        self.after.append(made)
        self.seams += [] if seam is None else [seam]
        self.skins += [] if skin is None else [skin]

    def identify(self, gallery: Gallery, wearer: Code | None, hidden: float) -> None:
        """Ask who is seen, and work out everything else."""
        if wearer is None:
            return
        chosen = np.linspace(0, len(self.after) - 1, min(FRAMES, len(self.after))).astype(int)
        codes = [self.after[k].code for k in chosen]
        self.retrieved = float(np.mean([gallery.nearest(c, wearer) == self.whose for c in codes]))
        if self.whose:
            self.similarity = float(
                np.mean([gallery.alike(self.whose, one.code) for one in self.after])
            )
            self.copied = float(
                np.mean([gallery.alike(self.whose, one.code) for one in self.before])
            )
        pairs = zip(self.before, self.after, strict=True)
        alike = np.array([float(a.code @ b.code) for a, b in pairs])
        self.wearer, self.hidden = float(alike.mean()), float((alike < hidden).mean())
        blended = {"seam": self.seams, "skin_difference": self.skins}
        self.figures = self._acting() | {name: _mean(found) for name, found in blended.items()}

    def _acting(self) -> dict[str, float | None]:
        """Compare what both faces do."""
        poses = [np.array([sight.pose for sight in side]) for side in (self.before, self.after)]
        moods = [np.array([s.expression for s in side]) for side in (self.before, self.after)]
        mouths = [np.array([sight.mouth for sight in side]) for side in (self.before, self.after)]
        eyes = [np.array([sight.eyes for sight in side]) for side in (self.before, self.after)]
        return {
            "pose_error_deg": float(np.linalg.norm(poses[1] - poses[0], axis=1).mean()),
            "expression_error": float(np.abs(moods[1] - moods[0]).sum(1).mean() / 2),
            "mouth_error": float(np.abs(mouths[1] - mouths[0]).mean()),
            "mouth_correlation": correlation(*mouths),
            "eyes_correlation": correlation(*eyes),
            "blinks_kept": blinks_kept(*eyes),
        }

    def plain(self) -> dict[str, Any]:
        """Return the figures for the report."""
        values = {
            "face": self.face,
            "clip": self.clip,
            "frames": self.frames,
            "judged": len(self.after) / self.frames if self.frames else None,
            "id_retrieval": self.retrieved,
            "similarity": self.similarity,
            "similarity_if_copied": self.copied,
            "wearer_similarity": self.wearer,
            "hidden": self.hidden,
            **self.figures,
            "flicker": self.flicker,
        }
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}


def mean_row(face: str, rows: Sequence[Row]) -> Row:
    """Return the mean over all clips of one face; every clip counts the same."""
    own = [row for row in rows if row.face == face and row.clip]
    whole = Row(face, "", frames=sum(row.frames for row in own))
    for row in own:
        whole.before += row.before
        whole.after += row.after
    whole.flicker = _mean([row.flicker for row in own])
    whole.similarity = _mean([row.similarity for row in own])
    whole.retrieved = _mean([row.retrieved for row in own])
    whole.copied = _mean([row.copied for row in own])
    whole.wearer = _mean([row.wearer for row in own])
    whole.hidden = _mean([row.hidden for row in own])
    names = dict.fromkeys(name for row in own for name in row.figures)
    whole.figures = {name: _mean([row.figures.get(name) for row in own]) for name in names}
    return whole


def correlation(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Return Pearson's correlation of two tracks; None where one of them never changes."""
    if len(a) < 3 or min(float(a.std()), float(b.std())) < 1e-6:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def blinks_kept(before: NDArray[Any], after: NDArray[Any]) -> float | None:
    """Return the share of the wearer's blinks that the swap makes, too; None without a blink.

    Parameters
    ----------
    before, after : float [n]
        How far the eyes are open in each frame.
    """
    shut = [track < _BLINK * float(np.median(track)) for track in (before, after)]
    starts = np.flatnonzero(shut[0] & ~np.concatenate(([False], shut[0][:-1])))
    if not len(starts):
        return None
    kept = [shut[1][max(0, k - _NEAR) : k + _NEAR + 1].any() for k in starts]
    return float(np.mean(kept))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
