"""Hand finished pictures to FFmpeg, and make one fit a file that began with another."""

from dataclasses import replace

import av
import numpy as np

from swapcast.realtime.frame import Picture

_MATRIX = {"bt601": 6, "bt709": 1}  # as H.273 numbers them


def as_frame(picture: Picture) -> av.VideoFrame:
    """Show ``picture`` to FFmpeg with its colour's name on it: where it lies, without a copy.

    Only a picture whose height is no multiple of four is copied: PyAV 18 takes such a buffer for
    two rows less, and looks for the chroma too early.
    """
    rows = picture.data.reshape(picture.height * 3 // 2, picture.width)
    if picture.height % 4:
        frame = _copied(picture)
    else:
        frame = av.VideoFrame.from_numpy_buffer(rows, "yuv420p")
    frame.colorspace, frame.color_range = tags(picture)
    return frame


def _copied(picture: Picture) -> av.VideoFrame:
    frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
    for plane, ours in zip(frame.planes, picture.planes, strict=True):
        theirs = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        theirs[: len(ours), : ours.shape[1]] = ours
    return frame


def tags(picture: Picture) -> tuple[int, int]:
    """Name the matrix and the range of ``picture`` by their numbers in ITU-T H.273 and FFmpeg."""
    return _MATRIX[picture.colour.matrix], 2 if picture.colour.full_range else 1


def fitted(picture: Picture, like: Picture) -> Picture:
    """Give ``picture`` the size and colour of ``like``, between black bars where shapes differ.

    Returns
    -------
    Picture
        ``picture`` itself when nothing differs.
    """
    same_size = (picture.width, picture.height) == (like.width, like.height)
    if same_size and picture.colour == like.colour:
        return picture
    scale = min(like.width / picture.width, like.height / picture.height)
    width, height = (
        max(2, 2 * round(side * scale / 2)) for side in (picture.width, picture.height)
    )
    ranges = {True: "JPEG", False: "MPEG"}
    matrices = {"bt601": "ITU601", "bt709": "ITU709"}
    scaled = as_frame(picture).reformat(
        width=width,
        height=height,
        format="yuv420p",
        src_colorspace=matrices[picture.colour.matrix],
        dst_colorspace=matrices[like.colour.matrix],
        src_color_range=ranges[picture.colour.full_range],
        dst_color_range=ranges[like.colour.full_range],
    )
    data = np.full(like.data.shape, 128, np.uint8)
    data[: like.width * like.height] = 0 if like.colour.full_range else 16
    packed = np.asarray(scaled.to_ndarray(), np.uint8).reshape(-1)
    small = replace(picture, data=packed, width=width, height=height)
    large = replace(picture, data=data, width=like.width, height=like.height, colour=like.colour)
    left, top = (like.width - width) // 4, (like.height - height) // 4  # in pixels of chroma
    for part, whole, step in zip(small.planes, large.planes, (2, 1, 1), strict=True):
        rows, columns = part.shape
        whole[top * step : top * step + rows, left * step : left * step + columns] = part
    return large
