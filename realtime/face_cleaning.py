"""Leaves out of a face set what shows somebody else, and shows on a page what was left out."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.face_folder import write_text

LEFT_OUT, PAGE = "left-out", "faces.html"
_NEAREST = 3  # pictures of the person that somebody must be unlike
_FEWEST = 4  # pictures, below which nobody can be in the minority
_SHOWN = 400  # kept faces on the page

Floats = NDArray[np.float32]


def packed(vector: Floats) -> str:
    """Return a vector as a manifest keeps it: float16, base64."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def unpacked(text: str) -> Floats:
    """Return a vector from a manifest, float32 [n], of length 1."""
    vector = np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-9))


def strangers(vectors: Floats, scale: tuple[float, float]) -> NDArray[np.bool_]:
    """Tell which pictures show somebody else than most do.

    Pictures that are surely of one person are linked; the person is the largest group that hangs
    together (single linkage, Sibson, The Computer Journal 16(1), 1973). A picture is somebody
    else's if even those of the group that it resembles most are unlike it.

    Parameters
    ----------
    vectors : float32 [n, k], of length 1
    scale : cosines
        From the second on two pictures show one person; `FaceEmbedder.scale`.

    Returns
    -------
    bool [n]
    """
    different, same = scale
    alike = vectors @ vectors.T
    group = _largest_group(alike >= same)
    if len(vectors) < _FEWEST or len(group) < _NEAREST:
        return np.zeros(len(vectors), np.bool_)
    nearest = np.sort(alike[:, group], axis=1)[:, -_NEAREST:].mean(1)
    out: NDArray[np.bool_] = nearest < (different + same) / 2
    out[group] = False
    return out


def _largest_group(linked: NDArray[np.bool_]) -> list[int]:
    left, best = set(range(len(linked))), list[int]()
    while left:
        begin = left.pop()
        group, open_ = [begin], [begin]
        while open_:
            near = [int(k) for k in np.flatnonzero(linked[open_.pop()]) if int(k) in left]
            left.difference_update(near)
            group += near
            open_ += near
        best = max(best, group, key=len)
    return best


def clean(out: Path, manifest: dict[str, Any], scale: tuple[float, float]) -> int:
    """Move the crops of other people out of a set; they stay in the folder ``left-out``.

    Parameters
    ----------
    out : folder of the set
    manifest : of the set; its ``crops`` and ``left_out`` are changed
    scale : cosines; see `strangers`

    Returns
    -------
    int
        How many were moved.
    """
    names = [name for name, crop in manifest["crops"].items() if crop.get("vector")]
    if not names:
        return 0
    vectors = np.stack([unpacked(manifest["crops"][name]["vector"]) for name in names])
    found = [name for name, other in zip(names, strangers(vectors, scale), strict=True) if other]
    left_out = manifest.setdefault("left_out", {})
    for name in found:
        left_out[name] = "looks like somebody else"
        del manifest["crops"][name]
        if (out / name).is_file():
            (out / LEFT_OUT).mkdir(exist_ok=True)
            (out / name).replace(out / LEFT_OUT / name)
    return len(found)


def write_page(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``faces.html``: the kept faces, evenly taken, and all that were left out, and why."""
    names = sorted(manifest["crops"])
    picked = names[:: max(1, -(-len(names) // _SHOWN))]
    left_out = dict(manifest.get("left_out", {}))
    title = f"{manifest['subject']}: {len(names)} faces kept, {len(left_out)} left out"
    text = (
        "<!doctype html><meta charset='utf-8'>"
        f"<title>{html.escape(title)}</title><style>body{{font:14px sans-serif;margin:2em}}"
        "figure{display:inline-block;width:112px;margin:4px;vertical-align:top}"
        "img{width:112px}figcaption{font-size:11px;overflow-wrap:anywhere}</style>"
        f"<h1>{html.escape(title)}</h1><p>Delete the files of faces that you do not want; move one "
        "that was left out wrongly back by extracting its clip into another folder.</p>"
        f"<h2>Left out</h2>{_figures(left_out, left_out, LEFT_OUT + '/')}"
        f"<h2>Kept</h2>{_figures(picked, {}, '')}\n"
    )
    write_text(out / PAGE, text)


def _figures(names: Sequence[str] | Mapping[str, str], why: Mapping[str, str], folder: str) -> str:
    return "".join(
        f"<figure><img loading='lazy' src='{html.escape(folder + name, quote=True)}'>"
        f"<figcaption>{html.escape(name)} {html.escape(why.get(name, ''))}</figcaption></figure>"
        for name in names
    )
