"""What a face does, measured in a frame: the mouth's opening and width, and the eyes' blinks."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.frame import Frame, Points

Patch = NDArray[np.float32]
"""float32 [24, 36]: grey levels about an eye, its corners level and 28 pixels apart, or about the
mouth, the eyes' outer corners level and 36 pixels apart."""

_EYES = (slice(36, 42), slice(42, 48))
_COLUMNS, _ROWS, _EYE = 36, 24, 28.0
_AROUND = 12.0, 6.0  # columns and rows in which a pixel's say about the lids goes down


def mouth_openness(landmarks: Points) -> float:
    """Return the gap between the lips in lengths of the nose: about 0.05 shut, 0.6 wide open.

    Parameters
    ----------
    landmarks : float32 [68, 2]
    """
    gaps = np.linalg.norm(landmarks[61:64] - landmarks[[67, 66, 65]], axis=1)
    return float(gaps.mean()) / max(float(np.linalg.norm(landmarks[27] - landmarks[33])), 1e-6)


def mouth_width(landmarks: Points) -> float:
    """Return how far the mouth's corners are apart, in distances between the outer eye corners.

    Parameters
    ----------
    landmarks : float32 [68, 2]
    """
    eyes = float(np.linalg.norm(landmarks[36] - landmarks[45]))
    return float(np.linalg.norm(landmarks[48] - landmarks[54])) / max(eyes, 1e-6)


def eye_patches(frame: Frame, landmarks: Points) -> tuple[Patch, Patch]:
    """Cut both eyes, the picture's left one first, out of a frame's luma."""
    left, right = (landmarks[part] for part in _EYES)
    return (
        _patch(frame, left.mean(0), (left[3] - left[0]) / _EYE),
        _patch(frame, right.mean(0), (right[3] - right[0]) / _EYE),
    )


def mouth_patch(frame: Frame, landmarks: Points) -> Patch:
    """Cut the mouth out of a frame's luma; it lies where eyes and nose say, open or shut."""
    across = (landmarks[45] - landmarks[36]) / _COLUMNS
    down = np.array([-across[1], across[0]])
    return _patch(frame, landmarks[33] + down * (_ROWS / 2), across)


def _patch(frame: Frame, middle: Points, line: Points) -> Patch:
    """Cut out what lies about ``middle``; one column leads along ``line``, both float [2]."""
    if np.hypot(*line) < 1e-3:
        line = np.array([1.0, 0.0], np.float32)
    linear = np.array([[line[0], -line[1]], [line[1], line[0]]], np.float64)
    shift = middle - linear @ ((_COLUMNS - 1) / 2, (_ROWS - 1) / 2)
    seen = cv2.warpAffine(
        frame.y[: frame.height, : frame.width],
        np.column_stack([linear, shift]),
        (_COLUMNS, _ROWS),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    soft = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 1.2)
    return np.asarray(soft, np.float32)


@dataclass(frozen=True, slots=True)
class Blink:
    """Both eyes closed and opened again."""

    began_at: float
    """Seconds, on the clock of `Frame.captured_at`."""
    seconds: float
    likeness: float
    """Least correlation with the open eyes, −1…1."""
    edges: float
    """Least strength of upright edges (the iris' sides), against the open eyes'."""


class BlinkWatch:
    """Notices blinks by comparing the eyes with how the same eyes look open.

    The distance between the lids' landmarks (the eye aspect ratio of Soukupová and Čech, 2016)
    is not used: the landmark network's lids hardly move in a blink. Here each eye is compared, by
    normalised correlation, with a running mean of itself, the middle counting most: low brows are
    darker than any iris and stay where they are. The eyes have closed when both fall
    below what is usual for this person in this light, far or with fewer of the upright edges that
    an iris has. It was a blink when that has passed within 0.7 seconds; eyes that stay different
    look elsewhere.
    """

    _longest = 0.7  # seconds
    _memory = 0.7  # seconds of the running means
    _spread = 6.0  # mean deviations below the usual that count as a fall
    _least, _most = 0.06, 0.12  # a fall, whatever the deviation
    _either = 0.02  # by which each eye has to fall
    _unlike = 0.76  # correlation with the open eyes that needs no further sign
    _fewer = 0.95  # upright edges against the open eyes', the further sign

    def __init__(self) -> None:
        self._open: list[Patch] | None = None
        self._edges: list[float] = []
        self._usual, self._deviation = 0.98, 0.01
        self._last = 0.0
        self._closed: Blink | None = None
        self.likeness = 1.0
        """Of the eyes in the last frame to the open eyes, −1…1."""

    def __call__(self, frame: Frame, landmarks: Points) -> Blink | None:
        """Look at the eyes of the next frame; return the blink that has just ended."""
        at, eyes = frame.captured_at, list(eye_patches(frame, landmarks))
        edges = [_upright_edges(eye) for eye in eyes]
        if self._open is None:
            self._open, self._edges, self._last = eyes, edges, at
        alike = [correlation(a, b, _LIDS) for a, b in zip(eyes, self._open, strict=True)]
        self.likeness = sum(alike) / 2
        seconds, self._last = at - self._last, at
        fall = min(max(self._spread * self._deviation, self._least), self._most)
        fallen = self._usual - self.likeness > fall
        if fallen and max(alike) < self._usual - self._either:
            self._darken(at, max(a / max(b, 1e-6) for a, b in zip(edges, self._edges, strict=True)))
            if self._closed is not None and self._closed.seconds > self._longest:
                self._open, self._edges, self._closed = eyes, edges, None
            return None
        blink, self._closed = self._closed, None
        self._learn(eyes, edges, self.likeness, min(max(seconds / self._memory, 0.05), 1.0))
        if blink is None or (blink.likeness > self._unlike and blink.edges > self._fewer):
            return None
        return blink

    def _darken(self, at: float, edges: float) -> None:
        before = self._closed or Blink(at, 0.0, 1.0, 9.0)
        self._closed = Blink(
            before.began_at,
            at - before.began_at,
            min(before.likeness, self.likeness),
            min(before.edges, edges),
        )

    def _learn(self, eyes: list[Patch], edges: list[float], alike: float, share: float) -> None:
        assert self._open is not None
        self._open = [
            a + np.float32(share) * (b - a) for a, b in zip(self._open, eyes, strict=True)
        ]
        self._edges = [a + share * (b - a) for a, b in zip(self._edges, edges, strict=True)]
        self._usual += share / 2 * (alike - self._usual)
        self._deviation += share / 2 * (abs(alike - self._usual) - self._deviation)


def _upright_edges(eye: Patch) -> float:
    """Return how much the grey levels change from left to right: an iris has upright sides."""
    return float(np.abs(cv2.Sobel(eye[2:-2, 2:-2], cv2.CV_32F, 1, 0)).mean())


def _bell(columns: float, rows: float) -> Patch:
    x = (np.arange(_COLUMNS) - (_COLUMNS - 1) / 2) / columns
    y = (np.arange(_ROWS) - (_ROWS - 1) / 2) / rows
    bell = np.exp(-(x**2 + y[:, None] ** 2) / 2)
    return np.asarray(bell / bell.sum(), np.float32)


_LIDS = _bell(*_AROUND)
_EVEN = np.full((_ROWS, _COLUMNS), 1 / (_ROWS * _COLUMNS), np.float32)


def correlation(a: Patch, b: Patch, weight: Patch = _EVEN) -> float:
    """Return how alike two patches are whatever the light, −1…1; ``weight`` adds up to 1."""
    a, b = a - (weight * a).sum(), b - (weight * b).sum()
    square = (weight * a * a).sum() * (weight * b * b).sum()
    return float((weight * a * b).sum() / np.sqrt(square + 1e-9))
