"""What flows through the loop: frames as the camera made them, and the faces in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.uint8]
"""uint8 [rows, stride], C-contiguous: the picture is its left part, padding lies right of it."""

Affine: TypeAlias = NDArray[np.float32]
"""float32 [2, 3]: maps a crop's (x, y, 1) to the frame's (x, y).

Both in pixels; integer coordinates are pixel centres, the origin is the top-left pixel's centre.
"""

Points: TypeAlias = NDArray[np.float32]
"""float32 [n, 2]: (x, y) in luma pixels of the frame; integer coordinates are pixel centres."""

Matrix: TypeAlias = Literal["bt601", "bt709"]


@dataclass(frozen=True, slots=True)
class Colour:
    """How the planes' numbers mean colours."""

    matrix: Matrix = "bt709"
    """Weights of red, green and blue in luma."""
    full_range: bool = False
    """Y, U and V use 0…255; otherwise Y is 16…235 and U, V are 16…240."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: Y, U and V planes as they were captured. Nobody writes into them.

    A decoder may still need the planes to predict its next picture, so the swapped picture is
    made in the sink's buffer, not here.
    """

    y: Plane
    """uint8 [height, stride ≥ width]."""
    u: Plane
    """uint8 [chroma rows, stride ≥ (width + 1) // 2].

    There are (height + 1) // 2 rows (4:2:0) or height rows (4:2:2).
    """
    v: Plane
    """As ``u``."""
    width: int
    """Pixels of luma; may be odd."""
    height: int
    """Rows of luma; may be odd."""
    colour: Colour
    number: int
    """Counts captured frames from 0; gaps are frames the device or a door dropped."""
    captured_at: float
    """`time.monotonic` seconds at which the device had the picture, not when it was decoded."""
    period: float = 1 / 30
    """Seconds between two frames of this source, as it states them."""
    truth: Mapping[str, Points] = field(default_factory=dict)
    """What a synthetic source knows about its picture: ``landmarks`` (68 points of the face)."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame."""

    box: NDArray[np.float32]
    """float32 [4]: left, top, right, bottom in luma pixels; may reach over the frame's edge."""
    score: float
    """How sure the analyser is that this is a face, 0…1."""
    points: Points
    """float32 [5, 2]: left eye, right eye, nose tip, left and right corner of the mouth.

    Left and right are the picture's.
    """
    landmarks: Points
    """float32 [68, 2] in the order of the 68-point (Multi-PIE) scheme."""
    visibility: NDArray[np.float32]
    """float32 [68], 0…1: how likely each landmark is seen, not behind a hand or the head itself."""
    track: int = -1
    """Stays the same while the face is followed; -1 before tracking."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture in the form sinks take: packed I420, even width and height."""

    data: NDArray[np.uint8]
    """uint8 [width · height · 3 / 2]: all of Y, then U, then V, without padding."""
    width: int
    height: int
    colour: Colour
    number: int
    """Of the frame it was made from."""
    captured_at: float
    """Of the frame it was made from."""
    period: float = 1 / 30
    mark: NDArray[np.int8] | None = field(default=None, repr=False, compare=False)
    """int8 [side, width]: the invisible mark in its luma, which covers of it must carry too."""

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Views of ``data``: Y [height, width], U and V [height / 2, width / 2]."""
        luma, half = self.width * self.height, (self.height // 2, self.width // 2)
        chroma = half[0] * half[1]
        return (
            self.data[:luma].reshape(self.height, self.width),
            self.data[luma : luma + chroma].reshape(half),
            self.data[luma + chroma :].reshape(half),
        )
