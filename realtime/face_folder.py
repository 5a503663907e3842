"""The folder a face set is kept in: its manifest, its crops and its contact sheet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.errors import SettingError

MANIFEST, SHEET = "faceset.json", "sheet.jpg"


def begin_manifest(out: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a face set holds, or begin a new one.

    Parameters
    ----------
    out : folder of the set
    about : subject, template, size, licence and consent of what is to be added

    Raises
    ------
    SettingError
        If the folder holds other faces, or cannot be used.
    """
    path = out / MANIFEST
    if not path.exists():
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(f"{out} cannot be made a folder: {error.strerror}") from error
        return {**about, "sources": [], "clips": {}, "crops": {}}
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        same = all(manifest[key] == about[key] for key in ("subject", "template", "size"))
        clips, crops = manifest["clips"], manifest["crops"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{path} is damaged ({error}); choose another folder") from error
    if not same:
        raise SettingError(
            f"{out} holds faces of {manifest['subject']!r} ({manifest['template']}, "
            f"{manifest['size']} pixels); choose another folder"
        )
    if manifest.get("consent") != about["consent"]:
        raise SettingError(f"{out} holds faces under another consent record; choose another folder")
    return {**manifest, "clips": dict(clips), "crops": dict(crops)}


def kept_consent(out: Path) -> Mapping[str, Any] | None:
    """Return the consent record of a face set that is there already, unchecked."""
    path = out / MANIFEST
    if not path.is_file():
        return None
    try:
        consent = json.loads(path.read_text()).get("consent")
    except (OSError, ValueError, AttributeError) as error:
        raise SettingError(f"{path} is damaged ({error}); choose another folder") from error
    return consent if isinstance(consent, dict) else None


def clip_key(clip: Path) -> str:
    """Name a clip so that two files of one name in two folders stay apart."""
    where = hashlib.sha256(str(clip.resolve()).encode()).hexdigest()[:6]
    return f"{clip.stem}-{where}"


def write_picture(path: Path, bgr: NDArray[np.uint8]) -> None:
    """Write a JPEG, uint8 [h, w, 3] BGR; the file is there whole or not at all.

    Raises
    ------
    SettingError
        If it cannot be written.
    """
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 97])
    if not done:
        raise SettingError(f"{path} cannot be written as a picture")
    part = path.with_suffix(".part")
    part.write_bytes(bytes(data))
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file; it is there whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_sheet(out: Path, names: Sequence[str], side: int = 96) -> None:
    """Draw up to 48 crops, evenly taken, eight in a row."""
    here = [name for name in names if (out / name).is_file()]
    if not here:
        return
    picked = dict.fromkeys(np.linspace(0, len(here) - 1, 48).round().astype(int).tolist())
    sheet = np.zeros((-(-len(picked) // 8) * side, 8 * side, 3), np.uint8)
    for place, index in enumerate(picked):
        picture = cv2.imread(str(out / here[index]), cv2.IMREAD_COLOR)
        if picture is not None:
            row, column = divmod(place, 8)
            sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = cv2.resize(
                picture, (side, side), interpolation=cv2.INTER_AREA
            )
    write_picture(out / SHEET, sheet)
