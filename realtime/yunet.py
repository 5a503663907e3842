"""Find faces with OpenCV's YuNet, from a model file that the user gives."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.shrink import shrink, spans
from swapcast.realtime.detector import LONG_SIDE, Detection
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Frame


class YuNet:
    """Faces of a frame, found by YuNet (Wu et al. 2023) through ``cv2.FaceDetectorYN``.

    Parameters
    ----------
    model : ONNX file of YuNet
    threshold : float, 0…1
        Faces with a smaller score are not reported.
    long_side : pixels
        Of the small picture in which faces are looked for.

    Raises
    ------
    ModelError
        If there is no such file or OpenCV cannot use it.
    """

    def __init__(self, model: Path, *, threshold: float = 0.7, long_side: int = LONG_SIDE) -> None:
        if not model.is_file():
            raise ModelError(
                f"no YuNet network at {model}; give the path of face_detection_yunet_*.onnx"
            )
        self._long_side = long_side
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(model), "", (long_side, long_side), threshold, 0.3, 100
            )
            self._network.detect(np.zeros((long_side, long_side, 3), np.uint8))
        except cv2.error as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise ModelError(
                f"{model} is no YuNet network that OpenCV can run: {reason}"
            ) from error

    def __call__(self, frame: Frame) -> tuple[Detection, ...]:
        """Return the faces of ``frame``, the surest first."""
        picture, scale = self._small(frame)
        self._network.setInputSize((picture.shape[1], picture.shape[0]))
        found = self._network.detect(picture)[1]
        if found is None:
            return ()
        rows = np.asarray(found, np.float32)
        rows[:, 2:4] += rows[:, :2]
        rows[:, :14] = (rows[:, :14] + np.float32(0.5)) * np.tile(scale, 7) - np.float32(0.5)
        return tuple(
            Detection(row[:4].copy(), float(row[14]), row[4:14].reshape(5, 2).copy())
            for row in rows[np.argsort(-rows[:, 14])]
        )

    def _small(self, frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Make uint8 [h, w, 3] BGR of ``frame``; and frame pixels per small pixel in x and y."""
        step = max(1.0, max(frame.width, frame.height) / self._long_side)
        columns, rows = int(frame.width / step + 0.5), int(frame.height / step + 0.5)
        step = frame.width / columns
        luma = spans(frame.width, columns, step)
        chroma = spans((frame.width + 1) // 2, columns, step / 2)
        out = np.empty((3, rows, columns), np.float32)
        shrink(
            frame.y,
            frame.u,
            frame.v,
            frame.width,
            frame.height,
            rgb_from_yuv(frame.colour.matrix, frame.colour.full_range),
            luma.starts,
            luma.shares,
            chroma.starts,
            chroma.shares,
            rows,
            np.empty(frame.width, np.float32),
            out,
        )
        picture = np.ascontiguousarray((out[::-1] * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
        return picture, np.array([step, frame.height / rows], np.float32)
