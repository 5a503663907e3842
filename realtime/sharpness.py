"""How sharp a face is, and which crops of a clip are too blurred to learn from."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def sharpness(grey: NDArray[np.float32], landmarks: NDArray[np.float32]) -> float:
    """Say how sharp a face is: its fine detail as a share of its contrast.

    Parameters
    ----------
    grey : float32 [S, S], 0…1
    landmarks : float32 [68, 2], (x, y) in pixels of ``grey``

    Returns
    -------
    float
        Standard deviation of the Laplacian over that of the grey levels, within the box around
        the landmarks, at 128 pixels a crop.
    """
    scale = 128 / len(grey)
    small = cv2.resize(grey, (128, 128), interpolation=cv2.INTER_AREA)
    left, top = np.clip(landmarks.min(0) * scale, 0, 120).astype(int)
    right, bottom = np.clip(landmarks.max(0) * scale, (left + 8, top + 8), 128).astype(int)
    part = np.asarray(small[top:bottom, left:right], np.float32)
    return float(cv2.Laplacian(part, cv2.CV_32F).std() / (part.std() + 1e-3))


def drop_blurred(out: Path, taken: dict[str, Any], share: float) -> int:
    """Delete the crops less sharp than a share of the median; return how many."""
    if not taken:
        return 0
    least = share * float(np.median([crop["sharpness"] for crop in taken.values()]))
    blurred = [name for name, crop in taken.items() if crop["sharpness"] < least]
    for name in blurred:
        del taken[name]
        with suppress(FileNotFoundError):
            (out / name).unlink()
    return len(blurred)
