"""How well the occlusion network does on people it never saw, with exact masks."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from swapcast.models.occlusion import OcclusionModel, read_occlusion
from swapcast.models.occlusion_covers import SHARES, decoy
from swapcast.models.occlusion_data import Faces, Sample, judged, load, patches_of, sample, save
from swapcast.models.occlusion_hands import Mask

_log = logging.getLogger(__name__)

Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Judge a trained network on the people that were held out; prints JSON."""

    data: Path
    """Folder with faces_ai and models."""
    run: Path
    """Folder of `train`; the faces are kept there."""
    each: int = 6
    """Covered crops of each person."""
    sheet: Path | None = None
    """Write a sheet of crops with what was found in red to this file."""


def evaluate(settings: Evaluate) -> dict[str, object]:
    """Measure overlap and recall by what lies there, and what is found on bare faces."""
    model, _ = read_occlusion(settings.run / "occlusion.pt")
    kept = settings.run / "judged.npz"
    if not kept.is_file():
        save(judged(settings.data), kept)
    faces = load(kept)
    samples = _samples(faces, settings.each, model.settings.size)
    found = [said(model, one.crop) for one in samples]
    whole: dict[str, object] = {"people": len(faces), "crops": len(samples)}
    for kind in (*SHARES, "all"):
        chosen = [k for k, one in enumerate(samples) if kind in (one.kind, "all") and _any(one)]
        whole[kind] = {"crops": float(len(chosen))} | _overlap(samples, found, chosen)
    for kind in ("none", "decoy"):
        shares = [
            float((mask > 0.5)[inner(one)].mean())
            for one, mask in zip(samples, found, strict=True)
            if one.kind == kind
        ]
        whole[kind] = {
            "crops": len(shares),
            "share": round(float(np.mean(shares)), 5),
            "over_1_percent": round(float(np.mean(np.array(shares) > 0.01)), 4),
        }
    if settings.sheet is not None:
        cv2.imwrite(str(settings.sheet), sheet(samples[:: max(1, len(samples) // 96)], model))
    _log.info(json.dumps(whole))
    return whole


def _any(one: Sample) -> bool:
    return bool((one.cover > 0.5).sum() > 20)


def said(model: OcclusionModel, crop: NDArray[np.float32]) -> Mask:
    """Return what a network makes of one crop, float32 [size, size], 0…1."""
    with torch.no_grad():
        return np.asarray(model(torch.from_numpy(crop)[None])[0, 0].sigmoid().numpy(), np.float32)


def inner(one: Sample) -> Bools:
    """Return where the face is, without its forehead."""
    area = np.zeros(one.cover.shape, np.uint8)
    cv2.fillPoly(area, [cv2.convexHull(one.points.astype(np.int32))], 1)
    return area > 0


def _samples(faces: Faces, each: int, size: int) -> list[Sample]:
    """Take everybody bare, with a decoy, and covered in several ways."""
    rng, patches, found = np.random.default_rng(23), patches_of(faces), []
    for number in range(len(faces)):
        bare = sample(faces, number, patches, size, rng, covered=0.0, rough=False)
        found.append(bare)
        for _ in range(2):
            bgr = np.ascontiguousarray(255 * bare.crop.transpose(1, 2, 0)[..., ::-1])
            painted = decoy(bgr.astype(np.uint8), bare.points, rng)
            crop = np.ascontiguousarray(painted[..., ::-1].transpose(2, 0, 1) / 255, np.float32)
            found.append(Sample(crop, bare.cover, bare.weight, "decoy", bare.points))
        for _ in range(each):
            found.append(sample(faces, number, patches, size, rng, covered=1.0, rough=True))
    return found


def _overlap(samples: list[Sample], found: list[Mask], chosen: list[int]) -> dict[str, float]:
    """Compare inside the face: intersection over union, recall and precision of pixels."""
    both = either = there = claimed = 0
    for k in chosen:
        area = inner(samples[k])
        truth, mask = (samples[k].cover > 0.5)[area], (found[k] > 0.5)[area]
        both += int((truth & mask).sum())
        either += int((truth | mask).sum())
        there += int(truth.sum())
        claimed += int(mask.sum())
    figures = {
        "iou": both / max(either, 1),
        "recall": both / max(there, 1),
        "precision": both / max(claimed, 1),
    }
    return {name: round(value, 3) for name, value in figures.items()}


def sheet(samples: list[Sample], model: OcclusionModel, across: int = 12) -> NDArray[np.uint8]:
    """Draw crops, and below each what was found (red) and what is there (a green line)."""
    rows = []
    for first in range(0, len(samples) - len(samples) % across, across):
        above, below = [], []
        for one in samples[first : first + across]:
            bgr = np.clip(255 * one.crop.transpose(1, 2, 0)[..., ::-1], 0, 255).astype(np.uint8)
            mask = said(model, one.crop)[..., None]
            tinted = bgr + 0.6 * mask * (np.array([40, 40, 255]) - bgr)
            red = np.ascontiguousarray(tinted, np.uint8)
            edges, _ = cv2.findContours(
                (one.cover > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(red, edges, -1, (60, 220, 60), 1)
            above.append(np.ascontiguousarray(bgr))
            below.append(red)
        rows += [np.hstack(above), np.hstack(below)]
    return np.vstack(rows)
