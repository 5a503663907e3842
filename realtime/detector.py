"""Find faces in whole frames with the bundled network."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, Runner, RunnerError, open_runner
from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.geometry import transform
from swapcast.kernels.grids import collect, suppress
from swapcast.kernels.shrink import Spans, shrink, spans
from swapcast.kernels.warp import sample
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Colour, Frame, Points
from swapcast.realtime.runner import OpenNetwork, SteadyRunner

LONG_SIDE = 320
"""Pixels of the small picture's longer side, in which faces are looked for."""

DOUBTFUL, SURE = 0.2, 0.7
"""Scores between which a place is looked at again from near.

They and `DENIED` belong to the bundled weights; assets/detector.md says how they were chosen.
"""

DENIED = 0.3
"""What scores less from near is no face, however it scored before."""

_STRIDES = (8, 16, 32)
_NEAR = 128, 128  # pixels of the picture of one place, seen from near
_FILLS = 0.45  # of which a face takes so much
_LOOKS = 3  # doubtful places of one frame that are looked at from near, at most
_MOST = 256  # cells that may see a face before they are reduced to one a face


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that was found."""

    box: NDArray[np.float32]
    """float32 [4]: left, top, right, bottom in luma pixels; may reach over the frame's edge."""
    score: float
    """How sure the detector is, 0…1."""
    points: Points
    """float32 [5, 2]: the eye on the picture's left, the other eye, nose tip, mouth corners."""


class FindsFaces(Protocol):
    """Finds faces in a frame."""

    def __call__(self, frame: Frame) -> tuple[Detection, ...]:
        """Return the faces of ``frame``, the surest first."""
        ...


class _Small:
    """The small picture of frames of one size, and all that making it needs."""

    def __init__(
        self, width: int, height: int, shape: tuple[int, int] | None, long_side: int
    ) -> None:
        if shape is None:
            self.step = max(width, height) / long_side
            self.columns, self.rows = _shorter(width, self.step), _shorter(height, self.step)
            shape = (16 * math.ceil(self.rows / 16), 16 * math.ceil(self.columns / 16))
        else:
            self.step = max(width / shape[1], height / shape[0])
            self.columns, self.rows = _shorter(width, self.step), _shorter(height, self.step)
        step = width / self.columns
        self.luma: Spans = spans(width, self.columns, step)
        self.chroma: Spans = spans((width + 1) // 2, self.columns, step / 2)
        self.line = np.empty(width, np.float32)
        self.image = np.empty((1, 3, *shape), np.float32)
        scale = np.array([step, height / self.rows], np.float32)
        self.scale: NDArray[np.float32] = np.tile(scale, 7)
        """float32 [14]: frame pixels per small pixel, for the box and the points."""


def _shared(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the common over the joint area of two boxes."""
    common = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    areas = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()
    return float(common / max(areas - common, 1e-6))


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def _shorter(length: int, step: float) -> int:
    return max(1, int(length / step + 0.5))


class Detector:
    """Faces of a frame, found by a network of `swapcast.models.detector`.

    One call runs on the calling thread; two threads need two detectors.

    Parameters
    ----------
    runner : the network
        It takes RGB 0…1 of any multiple of 16 pixels, or of the one size it was fixed to.
    threshold : float, 0…1
        Faces with a smaller score are not reported.
    overlap : float, 0…1
        Boxes that share more of their joint area than this are one face.
    doubtful, sure : float, 0…1
        Places that score at least ``doubtful`` but less than ``sure`` are looked at again from
        near, up to three a frame: one below the threshold becomes a face if it is sure there, one
        above stays a face unless it scores less than `DENIED`. No second look without
        ``doubtful``, or if it is no less than ``threshold``.
    long_side : callable
        Gives the small picture's longer side for frames of one width and height, in pixels.

    Raises
    ------
    ModelError
        If the network is no detector of this form.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        threshold: float = 0.5,
        overlap: float = 0.4,
        doubtful: float | None = None,
        sure: float = SURE,
        long_side: Callable[[int, int], int] = lambda *_: LONG_SIDE,
    ) -> None:
        shapes = list(runner.shapes.items())
        if len(shapes) != 1 or len(shapes[0][1]) != 4 or shapes[0][1][1] != 3:
            raise ModelError(
                f"this network takes {dict(runner.shapes)}, a detector one [1, 3, H, W]; "
                "give a network exported by swapcast.export.detector"
            )
        if not 0 < threshold < 1:
            raise ModelError(f"the detector's threshold must lie between 0 and 1, not {threshold}")
        self._runner, self._name = runner, shapes[0][0]
        height, width = shapes[0][1][2:]
        self._shape = (height, width) if height > 1 else None
        self._threshold, self._overlap = threshold, overlap
        self._least, self._sure = threshold, threshold
        if doubtful is not None and doubtful < threshold:
            self._least, self._sure = doubtful, sure
        self._long_side = long_side
        self._small: dict[tuple[int, int], _Small] = {}
        self._colours: dict[Colour, NDArray[np.float32]] = {}
        self._found = np.empty((_MOST, 15), np.float32)
        self._spare = np.empty(15, np.float32)
        self._near = np.zeros((1, 3, *(self._shape or _NEAR)), np.float32)

    def __call__(self, frame: Frame) -> tuple[Detection, ...]:
        """Return the faces of ``frame``, the surest first."""
        size = (frame.width, frame.height)
        if size not in self._small:
            # Sizes rarely change: keep one.
            self._small = {size: _Small(*size, self._shape, self._long_side(*size))}
        small = self._small[size]
        self._fill(frame, small)
        grids = self._runner(self._inputs(small))
        count = 0
        for grid, stride in zip(grids, _STRIDES, strict=True):
            count = collect(grid[0], stride, _logit(self._least), count, self._found)
        count = suppress(self._found, count, self._overlap, self._spare)
        faces = [self._detection(row, small) for row in self._found[:count]]
        if faces and faces[-1].score < self._sure:
            faces = self._looked_at(frame, faces)
        return tuple(faces)

    def _looked_at(self, frame: Frame, faces: list[Detection]) -> list[Detection]:
        """Keep what is a face from near, and what was one already and is not denied from near."""
        kept = [face for face in faces if face.score >= self._sure]
        for face in faces[len(kept) :][:_LOOKS]:
            found = face.score >= self._threshold
            closer = self._from_near(frame, face.box, DENIED if found else self._sure)
            if closer is None:
                continue
            seen = face if found else closer
            if not any(_shared(seen.box, other.box) > self._overlap for other in kept):
                kept.append(seen)
        return sorted(kept, key=lambda face: -face.score)

    def best(self, picture: NDArray[np.float32]) -> float:
        """Say how sure it is that there is a face anywhere in a small picture, 0…1.

        Parameters
        ----------
        picture : float32 [1, 3, h, w]
            RGB 0…1; sides are multiples of 32.
        """
        grids = self._runner({self._name: picture})
        return float(1 / (1 + np.exp(-max(float(grid[0, 0].max()) for grid in grids))))

    def near(self, frame: Frame, box: NDArray[np.float32]) -> float:
        """Look at one place from near, and say how sure it is that a face fills this box, 0…1.

        Parameters
        ----------
        frame : Frame
        box : float32 [4]
            Left, top, right, bottom in luma pixels.
        """
        closer = self._from_near(frame, box, self._least)
        return closer.score if closer else 0.0

    def _from_near(
        self, frame: Frame, box: NDArray[np.float32], threshold: float
    ) -> Detection | None:
        """Return the surest face of about this place and size, if it reaches the threshold."""
        height, width = self._near.shape[2:]
        scale = float((box[2:] - box[:2]).max()) / (_FILLS * min(height, width))
        centre, middle = (box[:2] + box[2:]) / 2, np.array([width - 1, height - 1]) / 2
        affine = np.column_stack([np.eye(2) * scale, centre - scale * middle]).astype(np.float32)
        sample(
            *(frame.y, frame.u, frame.v, frame.width, frame.height),
            *(self._colour(frame.colour), affine, 1.0, 0.0, self._near[0]),
        )
        count, best = 0, -1
        grids = self._runner({self._name: self._near})
        for grid, stride in zip(grids, _STRIDES, strict=True):
            count = collect(grid[0], stride, _logit(threshold), count, self._found)
        for number, row in enumerate(self._found[:count]):
            off = np.abs((row[1:3] + row[3:5]) / 2 - middle).max()
            share = float(row[3] - row[1]) / (_FILLS * width)
            here = off < 0.2 * width and 0.5 < share < 2
            if here and (best < 0 or row[0] > self._found[best, 0]):
                best = number
        if best < 0:
            return None
        places = transform(affine, self._found[best, 1:].reshape(7, 2)).astype(np.float32)
        return Detection(places[:2].ravel(), float(self._found[best, 0]), places[2:])

    def _colour(self, colour: Colour) -> NDArray[np.float32]:
        if colour not in self._colours:
            self._colours[colour] = rgb_from_yuv(colour.matrix, colour.full_range)
        return self._colours[colour]

    def _inputs(self, small: _Small) -> Mapping[str, NDArray[np.float32]]:
        return {self._name: small.image}

    def _fill(self, frame: Frame, small: _Small) -> None:
        """Make the small picture of ``frame``."""
        luma, chroma = small.luma, small.chroma
        shrink(
            frame.y,
            frame.u,
            frame.v,
            frame.width,
            frame.height,
            self._colour(frame.colour),
            luma.starts,
            luma.shares,
            chroma.starts,
            chroma.shares,
            small.rows,
            small.line,
            small.image[0],
        )

    @staticmethod
    def _detection(row: NDArray[np.float32], small: _Small) -> Detection:
        """Carry one found face from the small picture to the frame."""
        half = np.float32(0.5)
        place = (row[1:] + half) * small.scale - half
        return Detection(place[:4], float(row[0]), place[4:].reshape(5, 2))


def detector(
    *,
    provider: Provider = "cpu",
    threshold: float = 0.5,
    doubtful: float = DOUBTFUL,
    name: str = "the detector",
    long_side: Callable[[int, int], int] = lambda *_: LONG_SIDE,
    open_network: OpenNetwork = open_runner,
) -> Detector:
    """Open the bundled detector.

    Parameters
    ----------
    provider : what computes
    threshold, doubtful, long_side : as of `Detector`
    name : what messages call it
    open_network : loads the network

    Raises
    ------
    ModelError
        If the installed package lacks its network, or ``provider`` cannot run it.
    """
    asset = resources.files("swapcast.assets") / "detector.onnx"
    if not asset.is_file():
        raise ModelError("the package lacks detector.onnx; install swapcast again")
    try:
        runner = SteadyRunner(name, asset.read_bytes(), provider, open_network=open_network)
        return Detector(runner, threshold=threshold, doubtful=doubtful, long_side=long_side)
    except RunnerError as error:
        raise ModelError(str(error)) from error
