"""What lenses, light, sensors and codecs do to a picture, for the detector's training."""

import cv2
import numpy as np

from swapcast.models.detector_clutter import Pixels


def _relight(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Change contrast, brightness, colour of the light and gamma."""
    levels = (np.arange(256.0)[:, None] - 128) * min(1.4, np.exp(random.normal(-0.12, 0.35))) + 128
    cast = np.exp(random.normal(0, 0.09, 3)) if random.random() < 0.6 else np.ones(3)
    levels = levels * np.exp(random.normal(0, 0.28)) * cast + random.normal(0, 14)
    levels = np.clip(levels / 255, 0, 1)
    if random.random() < 0.4:
        levels = levels ** np.exp(random.normal(0, 0.4))
    table = (255 * levels + 0.5).astype(np.uint8).reshape(1, 256, 3)
    return np.asarray(cv2.LUT(picture, table), np.uint8)


def spoil(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Re-light ``picture`` and spoil it as lenses, sensors and codecs do."""
    out = _relight(picture, random) if random.random() < 0.7 else picture
    if random.random() < 0.12:
        out = np.repeat(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[:, :, None], 3, 2)
    if random.random() < 0.25:
        out = cv2.GaussianBlur(out, (0, 0), float(random.uniform(0.4, 1.8)))
    if random.random() < 0.08:
        length = int(random.integers(3, 10))
        shape = (1, length) if random.random() < 0.7 else (length, 1)
        out = cv2.filter2D(out, -1, np.full(shape, 1 / length, np.float32))
    if random.random() < 0.3:
        noise = random.normal(0, random.uniform(1, 10), (97, 3 * 89)).astype(np.float32)
        tiled = np.tile(noise.reshape(97, 89, 3), (4, 4, 1))[: out.shape[0], : out.shape[1]]
        out = cv2.add(out, tiled, dtype=cv2.CV_8U)
    if random.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95))]
        out = np.asarray(cv2.imdecode(cv2.imencode(".jpg", out, quality)[1], cv2.IMREAD_COLOR))
    spoilt = np.array(out, np.uint8)
    if random.random() < 0.1:  # bars of a letterbox
        bar = int(random.integers(1, 24))
        if random.random() < 0.5:
            spoilt[:bar], spoilt[-bar:] = 0, 0
        else:
            spoilt[:, :bar], spoilt[:, -bar:] = 0, 0
    return spoilt
