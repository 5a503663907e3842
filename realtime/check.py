"""The check that every frame passes before it leaves: it looks for faces that nobody swapped."""

from dataclasses import replace
from importlib import resources
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import open_runner
from swapcast.realtime.detector import Detection, Detector, detector
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Frame
from swapcast.realtime.landmarks import Landmarks, landmark_net
from swapcast.realtime.runner import OpenNetwork
from swapcast.realtime.tracker import Look, closer, placed

THRESHOLD = 0.06
"""Score from which something may be a face: every annotated face of the test clips lies above.

It belongs to the bundled detector's weights; `tests/test_leaks.py` holds it against them.
"""

_CERTAIN = 0.8  # presence that needs no second opinion
_SEEN = 0.5  # score of the known face, of which the bundled detector is surer than 0.98
_KNOWN_SIDE = 64
_PIXELS = 192 * 160  # of the small picture at most: what fits into two milliseconds


class Check(Protocol):
    """Looks at one frame on its own, with networks of its own."""

    def hits(self, frame: Frame) -> tuple[Detection, ...]:
        """Return whatever may be a face, the surest first.

        Raises
        ------
        ModelError
            If the frame could not be checked.
        """
        ...

    def look(self, frame: Frame, hit: Detection) -> Landmarks:
        """Look closely at one hit.

        Raises
        ------
        ModelError
            If it could not be looked at.
        """
        ...


@runtime_checkable
class Begins(Protocol):
    """A check that can search a frame before its answer is asked for."""

    def begin(self, frame: Frame) -> None:
        """Search ``frame``; returns at once."""


class FaceCheck:
    """The bundled detector on a smaller picture with a low threshold: misses less, doubts more.

    Parameters
    ----------
    detect : Detector
        Finds what may be a face, and looks again from near.
    look : callable
        Reads the landmarks of one crop: a `LandmarkNet`.
    size : int
        Side of that crop, pixels.
    known : float32 [1, 3, 64, 64], RGB 0…1
        A face that the detector must see after every frame: one that has gone blind says of every
        frame that nobody is there, and only this tells it from an empty room.
    """

    def __init__(self, detect: Detector, look: Look, size: int, known: NDArray[np.float32]) -> None:
        self._detect, self._look, self._size = detect, look, size
        self._known, self._saw = known, True

    def hits(self, frame: Frame) -> tuple[Detection, ...]:
        """Return whatever may be a face, the surest first.

        Raises
        ------
        ModelError
            If the frame could not be searched, or the face that is known was not seen before or
            after it.
        """
        found = self._detect(frame)
        before, self._saw = self._saw, self._detect.best(self._known) >= _SEEN
        if not (before and self._saw):
            raise ModelError("the guard's detector does not see the face that it is shown")
        return found

    def look(self, frame: Frame, hit: Detection) -> Landmarks:
        """Look closely at one hit, if need be with both networks: the surer one counts."""
        seen = closer(self._look, self._size, frame, placed(hit), looks=2)[0]
        if seen.presence >= _CERTAIN:
            return seen
        # From a crop that lies a little off, the landmark network misses small faces outright.
        return replace(seen, presence=max(seen.presence, self._detect.near(frame, hit.box)))


def face_check(
    *,
    open_detector: OpenNetwork = open_runner,
    open_landmarks: OpenNetwork = open_runner,
) -> FaceCheck:
    """Open the bundled networks a second time, for the check alone, on one processor core.

    Raises
    ------
    ModelError
        If the installed package lacks them.
    """
    detect = detector(
        threshold=THRESHOLD,
        long_side=long_side,
        name="the guard's detector",
        open_network=open_detector,
    )
    look = landmark_net(name="the guard's landmark network", open_network=open_landmarks)
    return FaceCheck(detect, look, look.size, _known_face())


def _known_face() -> NDArray[np.float32]:
    """Return the bundled picture of a face, float32 [1, 3, 64, 64], RGB 0…1."""
    asset = resources.files("swapcast.assets") / "demo_thumbnail.jpg"
    if not asset.is_file():
        raise ModelError("the package lacks demo_thumbnail.jpg; install swapcast again")
    picture = cv2.imdecode(np.frombuffer(asset.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ModelError("the package's demo_thumbnail.jpg is damaged; install swapcast again")
    small = cv2.resize(picture, (_KNOWN_SIDE, _KNOWN_SIDE), interpolation=cv2.INTER_AREA)
    planar = small[:, :, ::-1].transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planar, np.float32) / np.float32(255)


def long_side(width: int, height: int) -> int:
    """Return the longer side of the small picture for frames of one size, in pixels: 160…224."""
    for side in (224, 192):
        small = side * min(width, height) / max(width, height)
        if side * 32 * -(-int(small + 0.5) // 32) <= _PIXELS:
            return side
    return 160
