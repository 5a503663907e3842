"""Lets a user see how far a training is: every face, written by every decoder."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from swapcast.models.faces import FaceSet
from swapcast.models.swap_model import SwapModel


def preview(model: SwapModel, sets: Sequence[FaceSet], count: int = 6) -> NDArray[np.uint8]:
    """Draw faces of each identity, and below them what each decoder makes of them.

    Parameters
    ----------
    model : on the processor
    sets : one for each identity
    count : faces of each, evenly taken

    Returns
    -------
    uint8 [rows, columns, 3], BGR
    """
    side = model.size
    rows = []
    for faces in sets:
        picked = np.linspace(0, len(faces.images) - 1, count).round().astype(int)
        crops = [
            cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
            for image in faces.seen[picked]
        ]
        tensor = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        rows.append(np.hstack(crops))
        with torch.no_grad():
            for name in model.identities:
                made = model.swap(tensor, name).face.permute(0, 2, 3, 1).numpy()
                rows.append(np.hstack(list((255 * made).round().astype(np.uint8))))
    return np.ascontiguousarray(np.vstack(rows)[:, :, ::-1])
