"""A clip frame by frame, before and after somebody's face was put on."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.evaluators import Evaluators
from swapcast.bench.seams import SIDE, bare_skin, cheeks, lab, mask_in_view, seam, skin_difference
from swapcast.bench.takes import view
from swapcast.export.runners import Provider
from swapcast.kernels.geometry import crop_affine, five_points, invert, transform
from swapcast.models.faces import face_mask
from swapcast.models.landmarks_turning import Picture
from swapcast.realtime.analyser import Analyser
from swapcast.realtime.check import face_check
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Box, Compositor, Paste
from swapcast.realtime.consent import uses_of
from swapcast.realtime.detector import detector
from swapcast.realtime.errors import SettingError
from swapcast.realtime.face_store import face_store
from swapcast.realtime.fitting import as_frame
from swapcast.realtime.frame import Colour, Face, Frame
from swapcast.realtime.frame import Picture as Finished
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.meter import Meter
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.stillness import SwapsCrops
from swapcast.realtime.swapper import Swapper

USES = uses_of(["null"])
_TEMPLATE = "dfl_whole_face"
_STILL = 256  # side of a pasted picture's crop


@dataclass(frozen=True, slots=True)
class Worn:
    """One frame of a clip."""

    before: Picture
    """uint8 [h, w, 3], BGR: the wearer."""
    after: Picture | None
    """The same in the other face; None where no face was worn."""
    seam: float | None = None
    """ΔE along the edge of the face; None where there is no bare skin along it."""
    skin: float | None = None
    """ΔE of the skin's mean colour to the wearer's."""


class Pasted:
    """The cheapest swap there is: a still picture of somebody, laid over every face.

    Parameters
    ----------
    picture : file with one face
    judges : find that face

    Raises
    ------
    SettingError
        If the file shows none.
    """

    provider, precision = "cpu", "fp32"
    template, size = _TEMPLATE, _STILL
    sliders: tuple[str, ...] = ()
    hairline = False

    def __init__(self, picture: Path, judges: Evaluators) -> None:
        seen = cv2.imread(str(picture), cv2.IMREAD_COLOR) if picture.is_file() else None
        sight = None if seen is None else judges.largest(np.asarray(seen, np.uint8))
        if seen is None or sight is None:
            raise SettingError(f"--pasted {picture} shows no face; give a clear portrait")
        affine = crop_affine(five_points(sight.landmarks), self.template, self.size)
        cut = cv2.warpAffine(
            seen, affine, (self.size, self.size), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
        )
        planes = cut[..., ::-1].transpose(2, 0, 1) / np.float32(255)
        self._face: NDArray[np.float32] = np.ascontiguousarray(planes, np.float32)
        marks = transform(invert(affine), sight.landmarks).astype(np.float32)
        self._mask = np.asarray(face_mask(marks, self.size) / 255, np.float32)
        self.crop: NDArray[np.float32] = np.zeros((1, 3, self.size, self.size), np.float32)

    def __call__(self) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return the picture and where its face is."""
        return self._face, self._mask

    def restart(self) -> None:
        """Do nothing: there is no network."""


class _Noting(Compositor):
    """Keeps what it put into the last frame."""

    pastes: Sequence[Paste] = ()

    def finish(
        self,
        frame: Frame,
        pastes: Sequence[Paste],
        boxes: Sequence[Box],
        colour: Colour | None = None,
        *,
        slate: bool = False,
    ) -> Finished:
        self.pastes = pastes
        return super().finish(frame, pastes, boxes, colour, slate=slate)


def worn(
    clip: Path, face: str | Pasted, provider: Provider, frames: int | None, stack: ExitStack
) -> Iterator[Worn]:
    """Play a clip, frame by frame.

    Parameters
    ----------
    clip : path
    face : name of a kept face or path of a pack; a pasted picture; empty: nothing is put on
    provider : what computes the swap
    frames : how many at most
    stack : closes what was opened
    """
    plain, noting = Compositor(), _Noting()
    swap: FaceSwap | None = None
    if face:
        swapper: SwapsCrops
        if isinstance(face, str):
            identity = face_store().find(face, USES)
            swapper = stack.enter_context(Swapper(identity, provider, uses=USES))
        else:
            swapper = face
        swap = FaceSwap(swapper, noting, face_check(), Meter())
    look = landmark_net()
    analyse = stack.enter_context(Analyser(detector(), look, look.size, detached=False))
    for frame in islice(Clip(path=clip).frames(), frames):
        before = _bgr(plain.finish(frame, (), ()))
        if swap is None:
            yield Worn(before, before)
            continue
        faces = analyse(frame)
        finished = swap(frame, faces)
        if finished.swapped and not finished.guarded and not finished.undecided:
            picture = finished.pictures[None]
            yield Worn(before, _bgr(picture), *_blended(frame, picture, faces, noting.pastes))
        else:
            yield Worn(before, None)


def _blended(
    frame: Frame, picture: Finished, faces: Sequence[Face], pastes: Sequence[Paste]
) -> tuple[float | None, float | None]:
    """Return the seam and the difference of the skin's colour of a frame's one swapped face."""
    if len(pastes) != 1 or not faces:
        return None, None
    (paste,) = pastes
    middle = transform(paste.affine, np.full((1, 2), len(paste.mask) / 2, np.float32))
    face = min(faces, key=lambda one: float(np.linalg.norm(one.points.mean(0) - middle)))
    before, after = (view(one, face.points, SIDE) for one in (frame, picture))
    mask, colours = mask_in_view(face, paste), (lab(before), lab(after))
    # Both are 0 only where there was nothing to compare.
    edge = seam(*colours, mask, bare_skin(face, before))
    return edge or None, skin_difference(*colours, cheeks(face, mask)) or None


def _bgr(picture: Finished) -> Picture:
    return np.asarray(as_frame(picture).to_ndarray(format="bgr24"), np.uint8)
