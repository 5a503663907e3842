"""From a decoder's picture to the planes of a frame, without copying where that is possible."""

from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from swapcast.kernels.unpack import split_pairs
from swapcast.realtime.frame import Colour, Frame, Matrix, Plane

_STRAIGHT = {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p"}  # planes are taken as they lie
_FULL = 2  # FFmpeg's AVCOL_RANGE_JPEG
_BT709, _UNKNOWN = 1, 2  # FFmpeg's AVCOL_SPC_…
_BT601 = {5, 6}
_OTHERS = {4: Colorspace.FCC, 7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}
_SWSCALE: dict[Matrix, Colorspace] = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709}
_TURNS = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    -90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    -180: cv2.ROTATE_180,
}


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture that is not yet a frame: nobody has said when it was taken."""

    y: Plane
    u: Plane
    v: Plane
    width: int
    height: int
    colour: Colour

    def frame(self, number: int, captured_at: float, period: float) -> Frame:
        """Make it a frame; nothing is copied."""
        return Frame(
            self.y,
            self.u,
            self.v,
            self.width,
            self.height,
            self.colour,
            number,
            captured_at,
            period,
        )


def planes_of(picture: av.VideoFrame) -> Planes:
    """Give a decoded picture's planes, upright.

    4:2:0 and 4:2:2 of 8 bits are taken where the decoder put them, nv12 and grey need new chroma
    planes, everything else (10 bits, 4:4:4, RGB, palettes) is converted to 4:2:0. Pictures that
    were RGB become BT.601 (below 720 rows) or BT.709, limited range; transparency is left out.
    Matrices other than these two become BT.709. What states no matrix is taken for BT.601 below
    720 rows and for BT.709 from there on; what states no range is limited, grey is full.

    Parameters
    ----------
    picture : av.VideoFrame
        Kept alive by the planes.
    """
    turn = _TURNS.get(picture.rotation)
    name, colour = picture.format.name, _colour(picture)
    tall_chroma = name in {"yuv422p", "yuvj422p"} and turn is not None
    odd_matrix = picture.format.components[0].is_luma and picture.colorspace in _OTHERS
    if name == "gray" and picture.planes[0].line_size > 0:
        y = _plane(picture, 0)
        u = np.full(((y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2), 128, np.uint8)
        planes = Planes(y, u, u, picture.width, picture.height, colour)
    elif name == "nv12" and not odd_matrix:
        pairs = _plane(picture, 1)
        u = np.empty((pairs.shape[0], pairs.shape[1] // 2), np.uint8)
        v = np.empty_like(u)
        split_pairs(pairs, u, v)
        planes = Planes(_plane(picture, 0), u, v, picture.width, picture.height, colour)
    elif name in _STRAIGHT and not tall_chroma and not odd_matrix and _upward(picture):
        y, u, v = (_plane(picture, i) for i in range(3))
        planes = Planes(y, u, v, picture.width, picture.height, colour)
    else:
        planes = _converted(picture, colour)
    return planes if turn is None else _turned(planes, turn)


def _upward(picture: av.VideoFrame) -> bool:
    return all(plane.line_size > 0 for plane in picture.planes)


def _plane(picture: av.VideoFrame, index: int) -> Plane:
    """View a plane with its padding; the array keeps the picture alive."""
    plane = picture.planes[index]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)


def _colour(picture: av.VideoFrame) -> Colour:
    name, stated = picture.format.name, picture.colorspace
    unknown = picture.color_range == 0
    full = (
        picture.color_range == _FULL or name.startswith("yuvj") or (unknown and name[:4] == "gray")
    )
    if picture.format.is_rgb or stated == _UNKNOWN or stated in _BT601:
        high = picture.height >= 720 and stated not in _BT601
        return Colour("bt709" if high else "bt601", full and not picture.format.is_rgb)
    return Colour("bt709", full)


def _converted(picture: av.VideoFrame, colour: Colour) -> Planes:
    """Convert any picture to 4:2:0 planes of ``colour``."""
    matrix = _SWSCALE[colour.matrix]
    levels = ColorRange.JPEG if colour.full_range else ColorRange.MPEG
    source = _OTHERS.get(picture.colorspace, matrix)
    made = picture.reformat(
        format="yuv420p",
        src_colorspace=source,
        dst_colorspace=matrix,
        src_color_range=None if picture.format.is_rgb else levels,
        dst_color_range=levels,
    )
    y, u, v = (_plane(made, i) for i in range(3))
    return Planes(y, u, v, made.width, made.height, colour)


def _turned(planes: Planes, turn: int) -> Planes:
    """Turn a picture by a quarter or a half."""
    columns = (planes.width + 1) // 2
    y = np.ascontiguousarray(cv2.rotate(planes.y[:, : planes.width], turn), np.uint8)
    u = np.ascontiguousarray(cv2.rotate(planes.u[:, :columns], turn), np.uint8)
    v = np.ascontiguousarray(cv2.rotate(planes.v[:, :columns], turn), np.uint8)
    return Planes(y, u, v, y.shape[1], y.shape[0], planes.colour)
