"""Clips become face sets: aligned, sharp, each moment once, with the consent they need."""

import json
import struct
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcast.kernels.geometry import TEMPLATES, five_points
from swapcast.models.faces import load_faces
from swapcast.realtime.consent import parse_record
from swapcast.realtime.errors import ConsentError, SettingError, SourceError
from swapcast.realtime.extract import Extract, extract
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.picture_file import picture_frame
from swapcast.realtime.sharpness import sharpness
from swapcast.realtime.synthetic import Synthetic
from tests.made_consent import made_record

RECORD = made_record(subject="a drawn face", kind="fictional", statement="Nobody: it is drawn.")


def told(frame: Frame) -> tuple[Face, ...]:
    """Find the face where the synthetic source says that it is."""
    if "landmarks" not in frame.truth:
        return ()
    points = frame.truth["landmarks"]
    box = np.concatenate([points.min(0), points.max(0)])
    return (Face(box, 1.0, five_points(points), points, np.ones(68, np.float32)),)


def synthetic(clip: Path) -> Iterator[Frame]:
    return Synthetic(width=320, height=240, fps=10, seconds=0.8).frames()


@pytest.fixture
def settings(tmp_path: Path) -> Extract:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"")
    return Extract(
        paths=(clip, tmp_path / "faces"),
        consent="a drawn face",
        licence="MIT",
        alike=0.0,
    )


def test_a_clip_becomes_an_aligned_face_set_that_can_be_learned_from(settings: Extract) -> None:
    done = extract(settings, RECORD, lambda: nullcontext(told), frames=synthetic)
    assert done.kept == 8
    faces = load_faces("a", [settings.paths[-1]], side=256)
    assert faces.images.shape == (8, 256, 256, 3)
    assert faces.about[0].consent["statement"] == "Nobody: it is drawn."
    for points in faces.landmarks:
        apart = five_points(points) - TEMPLATES["dfl_whole_face"] * 256
        assert np.linalg.norm(apart, axis=1).mean() < 20
    # Skin is warm: red and blue have not changed places.
    nose = faces.images[0][tuple(faces.landmarks[0][30].astype(int)[::-1])]
    assert nose[0] > nose[2]
    sheet = cv2.imread(str(settings.paths[-1] / "sheet.jpg"))
    assert sheet.shape == (96, 8 * 96, 3)


def test_crops_like_the_one_before_are_dropped(settings: Extract) -> None:
    def frozen(clip: Path) -> Iterator[Frame]:
        frames = list(synthetic(clip))
        return iter([frames[0]] * 5 + [frames[-1]] * 5)

    done = extract(replace(settings, alike=0.004), RECORD, lambda: nullcontext(told), frames=frozen)
    assert (done.kept, done.alike) == (2, 8)


def test_blurred_crops_are_dropped(settings: Extract) -> None:
    def shaken(clip: Path) -> Iterator[Frame]:
        for number, frame in enumerate(synthetic(clip)):
            blurred = np.ascontiguousarray(cv2.GaussianBlur(frame.y, (0, 0), 5))
            yield replace(frame, y=blurred) if number in {2, 5} else frame

    done = extract(settings, RECORD, lambda: nullcontext(told), frames=shaken)
    assert (done.kept, done.blurred) == (6, 2)
    names = [path.name for path in settings.paths[-1].glob("clip-*.jpg")]
    assert len(names) == 6
    assert not any(name.endswith(("000002.jpg", "000005.jpg")) for name in names)


def test_a_broken_run_is_taken_up_where_it_stopped(settings: Extract, tmp_path: Path) -> None:
    second = tmp_path / "second.mp4"
    second.write_bytes(b"")
    both = replace(settings, paths=(settings.paths[0], second, settings.paths[-1]))

    def breaks(clip: Path) -> Iterator[Frame]:
        for number, frame in enumerate(synthetic(clip)):
            if clip == second and number == 3:
                raise SourceError("the disk was pulled out")
            yield frame

    with pytest.raises(SourceError, match="pulled out"):
        extract(both, RECORD, lambda: nullcontext(told), frames=breaks)
    assert len(load_faces("a", [both.paths[-1]], side=64).images) == 8
    done = extract(both, RECORD, lambda: nullcontext(told), frames=synthetic)
    assert (done.kept, done.skipped) == (8, 1)
    assert len(load_faces("a", [both.paths[-1]], side=64).images) == 16


def test_each_clip_is_read_by_an_analyser_of_its_own(settings: Extract, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, frame in enumerate(synthetic(pictures)):
        planes = np.concatenate([frame.y.ravel(), frame.u.ravel(), frame.v.ravel()])
        bgr = cv2.cvtColor(planes.reshape(360, 320), cv2.COLOR_YUV2BGR_I420)
        cv2.imwrite(str(pictures / f"{number}.png"), bgr)
    truth = next(synthetic(pictures)).truth
    opened = []

    def analyser() -> nullcontext:  # type: ignore[type-arg]
        opened.append(1)
        return nullcontext(lambda frame: told(replace(frame, truth=truth)))

    done = extract(replace(settings, paths=(pictures, settings.paths[-1])), RECORD, analyser)
    assert (done.kept, len(opened)) == (8, 8)


def test_a_picture_is_read_in_its_colours(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((9, 11, 3), (0, 0, 255), np.uint8))
    frame = picture_frame(tmp_path / "red.png")
    assert (frame.width, frame.height) == (10, 8)
    assert abs(int(frame.y[0, 0]) - 82) < 2
    assert abs(int(frame.v[0, 0]) - 240) < 2
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match="no picture that can be read"):
        picture_frame(tmp_path / "bad.png")


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ((2, (1 << 20) + 8), "no picture"),
        ((60_000, 60_000), "too large"),
        ((4000, 4000), "too large"),
        ((0, 9), "no p"),
    ],
)
def test_a_picture_that_claims_a_strange_size_is_refused(
    tmp_path: Path, size: tuple[int, int], why: str
) -> None:
    data = bytearray(cv2.imencode(".bmp", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    data[18:26] = struct.pack("<ll", *size)
    (tmp_path / "odd.bmp").write_bytes(data)
    with pytest.raises(SourceError, match=why):
        picture_frame(tmp_path / "odd.bmp")


def test_a_picture_that_claims_a_huge_part_costs_nothing(tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".png", np.zeros((40, 40, 3), np.uint8))[1].tobytes())
    place = data.index(b"IDAT")
    data[place - 4 : place] = b"\x93\x00\x00\x00"
    (tmp_path / "huge.png").write_bytes(data)
    before = time.process_time()
    with pytest.raises(SourceError, match="no picture that can be read"):
        picture_frame(tmp_path / "huge.png")
    assert time.process_time() - before < 0.2


def test_sharpness_falls_with_blur_and_not_with_dimness() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(30, 90, (68, 2)).astype(np.float32)
    grey = random.random((128, 128), np.float32)
    soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), 2), np.float32)
    assert sharpness(soft, points) < 0.5 * sharpness(grey, points)
    assert sharpness(0.3 * grey, points) == pytest.approx(sharpness(grey, points), rel=0.05)


def test_no_face_is_an_error_that_says_so(settings: Extract) -> None:
    with pytest.raises(SourceError, match=r"no face in clip\.mp4"):
        extract(settings, RECORD, lambda: nullcontext(lambda _: ()), frames=synthetic)


def test_a_set_of_somebody_else_is_not_mixed_in(settings: Extract) -> None:
    extract(settings, RECORD, lambda: nullcontext(told), frames=synthetic)
    for other in (replace(RECORD, subject="B"), made_record(subject="B")):
        with pytest.raises((SettingError, ConsentError), match=r"choose another folder|changed"):
            extract(settings, other, lambda: nullcontext(told), frames=synthetic)
    # The same person under another record: what was agreed for those crops may differ.
    again = made_record(subject="a drawn face", kind="fictional", statement="It is drawn.")
    with pytest.raises(SettingError, match="another consent record"):
        extract(settings, again, lambda: nullcontext(told), frames=synthetic)
    (settings.paths[-1] / "faceset.json").write_text(json.dumps({"clips": []}))
    with pytest.raises(SettingError, match="damaged"):
        extract(settings, RECORD, lambda: nullcontext(told), frames=synthetic)


def test_the_set_carries_the_signed_record(settings: Extract) -> None:
    extract(settings, RECORD, lambda: nullcontext(told), frames=synthetic)
    (about,) = load_faces("a", [settings.paths[-1]], side=64).provenance()
    assert parse_record(about["consent"]) == RECORD


def test_nothing_is_cut_out_under_a_record_that_does_not_hold(settings: Extract) -> None:
    with pytest.raises(ConsentError, match="was changed"):
        extract(
            settings,
            replace(RECORD, statement="All may."),
            lambda: nullcontext(told),
            frames=synthetic,
        )
    assert not settings.paths[-1].exists()


def test_what_cannot_work_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    fine = {"paths": (tmp_path / "a", tmp_path / "b"), "consent": "Bo"}
    for changes in (
        {"paths": (tmp_path,)},
        {"template": "none"},
        {"size": 8},
        {"every": 0},
        {"subject": "A", "statement": "I agree."},
        {"consent": "fictional", "subject": "A"},
        {"consent": "fictional", "subject": "A", "statement": " "},
    ):
        with pytest.raises(SettingError):
            Extract(**{**fine, **changes})  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="no clip at"):
        extract(Extract(**fine), RECORD, lambda: nullcontext(told))  # type: ignore[arg-type]


class Sees:
    """An identity network for which a few frames show somebody else."""

    scale = (0.5, 0.68)

    def __call__(self, frame: Frame, points: np.ndarray) -> np.ndarray:
        return np.eye(2, dtype=np.float32)[int(frame.number in (2, 5))]


def test_faces_of_somebody_else_are_left_out_and_shown_on_a_page(settings: Extract) -> None:
    done = extract(settings, RECORD, lambda: nullcontext(told), embed=Sees(), frames=synthetic)
    assert (done.kept, done.others) == (6, 2)
    out = settings.paths[-1]
    assert len(list((out / "left-out").glob("*.jpg"))) == 2
    assert "6 faces kept, 2 left out" in (out / "faces.html").read_text()
    assert load_faces("a", [out], side=256).images.shape[0] == 6
