"""People found in a folder of AI-made pictures, kept on disk so that each is fitted once."""

import csv
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from swapcast.models.head import Floats, Head, Reals
from swapcast.models.head_draw import Person
from swapcast.models.head_fit import Camera, Fit, Image, Pose
from swapcast.models.head_light import Light
from swapcast.models.head_render import Maker, make_person
from swapcast.models.head_skin import Skin, behind
from swapcast.models.head_surround import Surround, bound_vertices, compact
from swapcast.models.render_sets import read_tile

SIDE = 512
"""Pixels of a kept texture; a face in a crop of 224 pixels shows fewer."""
HELD_OUT = 100
"""Pictures that are never mixed into people to train with."""
_CHOSEN = """
    0001 0004 0009 0014 0016 0017 0018 0021 0022 0025 0026 0035 0038 0040 0043 0044 0045 0048 0051
    0052 0053 0054 0055 0059 0064 0066 0067 0068 0071 0073 0074 0075 0076 0077 0078 0079 0080 0081
    0082 0083 0084 0085 0086 0087 0088 0090 0091 0092 0093 0094 0095 0096 0099 0100 0101 0102 0103
    0109 0110 0111 0112 0115 0116 0119 0126 0133 0137 0138 0142 0143 0147 0154 0160 0161 0162 0164
    0165 0166 0167 0168 0170 0172 0174 0175 0182 0195 0200 0202 0204 0206 0207 0209 0210 0211 0213
    0214 0215 0217 0218 0220 0224 0227 0230 0231 0232 0234 0236 0237 0240 0242 0243 0244 0245 0246
    0252 0255 0256 0263 0264 0265 0266 0267 0268 0269 0270 0271 0273 0274 0275 0276 0277 0278 0279
    0280 0282 0283 0284 0285 0287 0288 0289 0290 0293 0294 0295 0302 0303 0304 0306 0308 0309 0311
    0313 0314 0315 0318 0319 0320 0323 0324 0328 0334 0335 0336 0344 0345 0346 0348 0350 0354 0359
    0363 0367 0370 0371 0372 0376 0390 0392 0394 0395 0396 0397 0402 0404 0408 0410 0411 0415 0417
    0418 0420 0424 0427 0434 0435 0436 0441 0443 0445 0446 0447 0448 0453 0458 0460 0463 0469 0471
    0474 0475 0480 0491 0492 0493 0495 0499 0502 0503 0507 0508 0513 0514 0518 0520 0521 0522 0523
    0526 0527 0529 0531 0536 0537 0538 0539 0546 0547 0548 0550 0554 0555 0556 0557 0558 0559 0560
    0581 0582 0586 0593 0594 0598 0611 0612 0614 0616 0618 0620 0621 0622 0624 0625 0627 0628 0637
    0638 0640 0641 0642 0643 0646 0647 0648 0650 0651 0652 0654 0655 0659 0661 0662 0663 0664 0665
    0667 0668 0669 0670 0671 0673 0709 0710 0711 0712 0713 0714 0716 0724 0727 0731 0732 0734 0735
    0737 0738 0740 0742 0745 0746 0747 0748 0750 0751 0753 0756 0758 0761 0764 0765 0766 0767 0768
    0769 0771 0773 0774 0776 0780 0783 0784 0787 0789 0790 0795 0797 0799 0800 0802 0804 0805 0806
    0808 0812 0813 0825 0843 0844 0848 0849 0850 0851 0852 0853 0854 0855 0858 0865 0869 0875 0877
    0878 0890 0892
"""
CHOSEN = frozenset(_CHOSEN.split())
"""Pictures, each one looked at, of one adult from the front with nothing over the face."""

_LARGEST_ERROR = 0.045
_LARGEST_TURN = np.radians(24)
_LEAST_EYES = 48
_DARK_EYES = 0.09
_ODD_MOUTH = 1.2
_SHEET = ("points", "triangles", "places", "follow", "near", "shade")


def tiles(data: Path) -> list[str]:
    """Return the numbers of all pictures, sorted.

    Raises
    ------
    ValueError
        If the folder holds none.
    """
    found = sorted(path.stem for path in (data / "faces_ai" / "tiles").glob("*.jpg"))
    if not found:
        raise ValueError(f"no pictures in {data / 'faces_ai' / 'tiles'}; give the data folder")
    return found


def held_out(numbers: list[str]) -> frozenset[str]:
    """Return the `HELD_OUT` numbers that come first by their SHA-256: they are only tested with."""
    ranked = sorted(numbers, key=lambda number: hashlib.sha256(number.encode()).digest())
    return frozenset(ranked[:HELD_OUT])


def clear_first(data: Path, numbers: list[str]) -> list[str]:
    """Sort pictures by how large and how frontal their face is, as the folder's index states."""
    with (data / "faces_ai" / "index.csv").open(newline="") as file:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(file)}

    def rank(number: str) -> float:
        row = rows.get(number, {})
        turn = abs(float(row.get("yaw_deg") or 90)) + abs(float(row.get("pitch_deg") or 90)) / 2
        return turn / 10 - float(row.get("interocular_px") or 0) / 20

    return sorted(numbers, key=rank)


def find_person(maker: Maker, picture: Image) -> Person:
    """Make the person in a picture drawable, if picture and fit are good enough to be reused.

    Raises
    ------
    ValueError
        With the reason, where they are not.
    """
    person = make_person(maker, picture)
    fit, head = person.fit, maker.head
    if fit.error > _LARGEST_ERROR:
        raise ValueError(f"the head misses the face by {fit.error:.3f} eye distances")
    if max(abs(fit.pose.yaw), abs(fit.pose.pitch)) > _LARGEST_TURN:
        raise ValueError(
            f"turned by {np.degrees(fit.pose.yaw):.0f}°, {np.degrees(fit.pose.pitch):.0f}°"
        )
    points = fit.camera.project(fit.pose.to_camera(head.move(person.shape, fit.strengths)))
    marks = points[head.landmarks, :2]
    eyes = float(np.linalg.norm(marks[36] - marks[45]))
    if eyes < _LEAST_EYES:
        raise ValueError(f"eyes only {eyes:.0f} pixels apart")
    _refuse_covered(picture, marks, eyes)
    return person


def _refuse_covered(picture: Image, marks: Floats, eyes: float) -> None:
    linear = cv2.GaussianBlur((picture / np.float32(255)) ** 2, (0, 0), eyes / 20)
    x, y = np.clip(np.rint(marks).astype(int), 0, np.array(picture.shape[1::-1]) - 1).T
    near = [(marks[a] + marks[b]) / 2 for a, b in ((36, 31), (45, 35), (1, 31), (15, 35))]
    cheeks = np.clip(np.rint(near).astype(int), 0, np.array(picture.shape[1::-1]) - 1)
    cheek = np.median(linear[cheeks[:, 1], cheeks[:, 0]], 0)
    lids = linear[y[36:48], x[36:48]].mean(1)
    if np.median(lids) < _DARK_EYES * cheek.mean():
        raise ValueError(
            f"the eyes are dark ({np.median(lids) / cheek.mean():.2f}): sunglasses or deep shade"
        )
    chin = np.median(linear[y[5:12], x[5:12]], 0)
    chroma = np.log(np.maximum(chin, 1e-3)) - np.log(np.maximum(cheek, 1e-3))
    if np.abs(chroma - chroma.mean()).max() > _ODD_MOUTH:
        odd = np.abs(chroma - chroma.mean()).max()
        raise ValueError(
            f"the chin has another colour than the cheeks ({odd:.2f}): a mask or a hand"
        )


@dataclass(frozen=True, slots=True)
class Common:
    """What all kept people share, so that it is in memory once."""

    head: Head
    back: Floats
    """float32 [512, 512]."""


def _byte(linear: Floats) -> NDArray[np.uint8]:
    root = np.sqrt(np.clip(linear, 0, 1))
    return np.asarray(root * 255 + 0.5, np.float32).astype(np.uint8)


def _linear(coded: NDArray[np.uint8]) -> Floats:
    root = coded.astype(np.float32) * np.float32(1 / 255)
    out: Floats = root * root
    return out


def _png(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1], np.uint8)


def keep(person: Person, path: Path) -> None:
    """Write a person to a file, about 2 MB: textures as pictures, the rest in half precision."""
    fit, skin, sheet = person.fit, person.skin, person.surround
    half = (SIDE, SIDE)
    small = cv2.resize(skin.texture, half, interpolation=cv2.INTER_AREA)
    front = cv2.resize(skin.shares[..., 0], half, interpolation=cv2.INTER_AREA)
    pose = fit.pose
    values = {
        "shape": fit.shape,
        "strengths": fit.strengths,
        "pose": np.array([pose.pitch, pose.yaw, pose.roll, *pose.place]),
        "camera": np.array([fit.camera.focal, *fit.camera.centre]),
        "error": np.array(fit.error),
        "texture": _png(_byte(small)),
        "front": _png((np.clip(front, 0, 1) * 255 + 0.5).astype(np.uint8)),
        "colours": skin.colours,
        "light": skin.light.coefficients,
        "sheet": _png(sheet.picture[..., :3]),
        "outline": _png(sheet.picture[..., 3]),
        "pull": sheet.pull.astype(np.float16),
        **{name: getattr(sheet, name) for name in _SHEET},
    }
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, **values)
    path.with_suffix(".part").replace(path)


def open_common(head: Head) -> Common:
    """Prepare what all kept people share."""
    return Common(head, cv2.resize(behind(head), (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def open_person(common: Common, path: Path) -> Person:
    """Read a person that `keep` wrote.

    Raises
    ------
    ValueError
        If the file is not such a person.
    """
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            kept = {name: file[name] for name in file.files}
        coded = {
            name: np.asarray(cv2.imdecode(kept[name], cv2.IMREAD_UNCHANGED), np.uint8)
            for name in ("texture", "front", "sheet", "outline")
        }
        pose = _pose(kept["pose"])
        focal, x, y = (float(v) for v in kept["camera"])
        fit = Fit(Camera(focal, (x, y)), pose, kept["shape"], kept["strengths"], kept["error"])
        light = Light(kept["light"])
        front = coded["front"] / np.float32(255)
        shares = np.stack([front, common.back, np.zeros_like(front)], 2)
        skin = Skin(_linear(coded["texture"]), shares, kept["colours"], light)
        sheet = Surround(
            bound=bound_vertices(common.head),
            picture=np.dstack([coded["sheet"], coded["outline"]]),
            pull=kept["pull"].astype(np.float32),
            pose=pose,
            **{name: kept[name] for name in _SHEET},
        )
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a kept person: {error}; delete it") from error
    shape = common.head.shape(fit.shape)
    still = common.head.move(shape, fit.strengths)[sheet.bound]
    return Person(common.head, shape, fit, skin, compact(sheet), still)


def _pose(kept: Reals) -> Pose:
    pitch, yaw, roll, x, y, z = (float(v) for v in kept)
    return Pose(pitch, yaw, roll, (x, y, z))


def keep_all(maker: Maker, data: Path, folder: Path, most: int, *, spared: bool) -> None:
    """Fit every chosen picture that has not been, the clearest first.

    Parameters
    ----------
    folder : for NNNN.npz of each person, and NNNN.txt with the reason where there is none
    most : pictures to fit
    spared : fit those that are held out, or those that are not
    """
    folder.mkdir(parents=True, exist_ok=True)
    apart = held_out(tiles(data))
    numbers = [n for n in tiles(data) if n in CHOSEN and (n in apart) == spared]
    for number in track(clear_first(data, numbers)[:most], description="people"):
        path = folder / f"{number}.npz"
        if path.is_file() or path.with_suffix(".txt").is_file():
            continue
        try:
            keep(find_person(maker, read_tile(data, number)), path)
        except ValueError as error:
            path.with_suffix(".txt").write_text(f"{error}\n")
