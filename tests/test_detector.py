"""Faces are found in frames: the small picture, the reading of the grids, the bundled network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from naive_shrink import shrink as naive_shrink
from numpy.typing import NDArray

from swapcast.kernels.colour import rgb_from_yuv, yuv_from_rgb
from swapcast.kernels.grids import collect, suppress
from swapcast.kernels.shrink import shrink, spans
from swapcast.realtime.detector import Detection, Detector, detector
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.yunet import YuNet


def frame_of(picture: NDArray[np.uint8], colour: Colour | None = None, pad: int = 0) -> Frame:
    """Make a 4:2:0 frame of an RGB picture, its rows ``pad`` bytes longer than needed."""
    colour = colour or Colour()
    height, width = picture.shape[:2]
    weights = yuv_from_rgb(colour.matrix, colour.full_range)
    levels = picture.astype(np.float32) / 255 @ weights[:, :3].T + weights[:, 3]
    even = np.pad(levels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    quarter = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    planes = [
        np.pad(np.clip(plane + 0.5, 0, 255).astype(np.uint8), ((0, 0), (0, pad)))
        for plane in (levels[..., 0], quarter[..., 1], quarter[..., 2])
    ]
    return Frame(*planes, width, height, colour, 0, 0.0)


class Fixed:
    """A runner that gives the same grids for any picture and keeps what it was given."""

    provider = "cpu"
    metadata: Mapping[str, str] = {}

    def __init__(
        self, grids: list[NDArray[np.float32]], shape: tuple[int, ...] = (1, 3, 1, 1)
    ) -> None:
        self.grids, self.shapes = grids, {"image": shape}
        self.seen: list[NDArray[np.float32]] = []

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.seen.append(inputs["image"].copy())
        return list(self.grids)

    def __enter__(self) -> "Fixed":
        return self

    def __exit__(self, *_: object) -> None: ...


def blank(height: int, width: int) -> list[NDArray[np.float32]]:
    """Grids without any face for a network's input of that size."""
    grids = [np.zeros((1, 15, height // s, width // s), np.float32) for s in (8, 16, 32)]
    for grid in grids:
        grid[:, 0] = -9
    return grids


@pytest.mark.parametrize(
    ("width", "height", "columns", "rows", "tall"),
    [
        (64, 48, 32, 24, False),
        (61, 47, 20, 15, False),
        (50, 30, 50, 30, True),
        (37, 53, 11, 16, True),
        (9, 7, 12, 9, False),
    ],
)
def test_the_small_picture_is_the_mean_of_what_it_covers(
    width: int, height: int, columns: int, rows: int, tall: bool
) -> None:
    random = np.random.default_rng(0)
    down = height if tall else (height + 1) // 2
    y, u, v = (
        random.integers(0, 256, size, dtype=np.uint8)
        for size in (
            (height, width + 5),
            (down, (width + 1) // 2 + 3),
            (down, (width + 1) // 2 + 3),
        )
    )
    for matrix, full in (("bt601", True), ("bt709", False)):
        coefficients = rgb_from_yuv(matrix, full)
        luma = spans(width, columns, width / columns)
        chroma = spans((width + 1) // 2, columns, width / columns / 2)
        out = np.full((3, rows + 4, columns + 6), 7, np.float32)
        shrink(
            y, u, v, width, height, coefficients, luma.starts, luma.shares,
            chroma.starts, chroma.shares, rows, np.empty(width, np.float32), out,
        )  # fmt: skip
        slow = naive_shrink((y, u, v), width, height, coefficients, (columns, rows), out.shape[1:])
        assert np.abs(out - slow).max() < 1e-4


def test_a_face_in_the_grids_comes_out_in_frame_pixels() -> None:
    grids = blank(192, 320)
    # the cell in row 4, column 6 of stride 16 has its centre at (103.5, 71.5)
    grids[1][0, :, 4, 6] = [2.0, 0.5, -0.25, np.log(4), np.log(5), *np.arange(10) / 4]
    frame = frame_of(np.zeros((720, 1280, 3), np.uint8))
    (face,) = Detector(Fixed(grids))(frame)
    centre = (np.array([103.5 + 8, 71.5 - 4]) + 0.5) * 4 - 0.5
    assert np.allclose(face.box, np.tile(centre, 2) + np.array([-128, -160, 128, 160]), atol=1e-3)
    assert face.score == pytest.approx(1 / (1 + np.exp(-2.0)))
    places = (np.array([103.5, 71.5]) + 16 * (np.arange(10) / 4).reshape(5, 2) + 0.5) * 4 - 0.5
    assert np.allclose(face.points, places, atol=1e-3)


def test_neighbouring_cells_that_see_one_face_give_one_face() -> None:
    grids = blank(256, 320)
    for column, score in ((10, 1.0), (11, 3.0), (12, 2.0)):
        grids[0][0, :5, 7, column] = [score, 11 - column, 0, np.log(6), np.log(7)]
    grids[2][0, :5, 6, 2] = [4.0, 0, 0, np.log(2), np.log(2)]
    faces = Detector(Fixed(grids))(frame_of(np.zeros((480, 640, 3), np.uint8)))
    assert [round(face.score, 3) for face in faces] == [0.982, 0.953]
    assert np.allclose(faces[1].box[::2].mean(), ((11.5 * 8 - 0.5) + 0.5) * 2 - 0.5, atol=1e-3)


def test_more_cells_than_there_is_room_for_keep_the_surest() -> None:
    grid = np.zeros((15, 16, 16), np.float32)
    grid[0] = np.arange(256).reshape(16, 16) / 64 - 1
    grid[3:5] = -3
    found = np.zeros((20, 15), np.float32)
    count = collect(grid, 8, -1.0, 0, found)
    assert count == 20
    assert found[:, 0].min() == pytest.approx(1 / (1 + np.exp(1 - 236 / 64)))
    assert suppress(found, count, 0.4, np.empty(15, np.float32)) == 20


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [
        (1280, 720, (192, 320)),
        (640, 480, (256, 320)),
        (720, 1280, (320, 192)),
        (33, 21, (224, 320)),
    ],
)
def test_the_network_sees_the_whole_frame_upright_and_unstretched(
    width: int, height: int, shape: tuple[int, int]
) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0], picture[height // 2 :, :, 2] = 255, 255
    runner = Fixed(blank(*shape))
    Detector(runner)(frame_of(picture, Colour("bt601", True), pad=3))
    (image,) = runner.seen
    assert image.shape == (1, 3, *shape)
    rows, columns = (
        round(320 * height / max(width, height)),
        round(320 * width / max(width, height)),
    )
    for row, column, colour in (
        (4, 4, (1, 0, 0)),
        (rows - 5, columns - 5, (0, 0, 1)),
        (rows - 5, 4, (1, 0, 1)),
    ):
        assert np.allclose(image[0, :, row, column], colour, atol=0.02)
    assert not image[0, :, rows:].any()
    assert not image[0, :, :, columns:].any()


def test_a_network_fixed_to_one_size_gets_that_size() -> None:
    runner = Fixed(blank(256, 320), (1, 3, 256, 320))
    Detector(runner)(frame_of(np.full((1280, 720, 3), 200, np.uint8)))
    assert runner.seen[0].shape == (1, 3, 256, 320)
    assert runner.seen[0][0, 0, 255].max() > 0.7
    assert not runner.seen[0][0, :, :, 144:].any()


def test_a_network_of_another_form_is_refused_in_one_line() -> None:
    with pytest.raises(ModelError, match=r"a detector takes|a detector one"):
        Detector(Fixed([], (1, 512)))


def test_yunet_says_what_is_wrong_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no YuNet network at"):
        YuNet(tmp_path / "absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="no YuNet network that OpenCV can run"):
        YuNet(broken)


def test_nothing_is_found_in_flat_and_noisy_frames() -> None:
    find = detector()
    random = np.random.default_rng(1)
    pictures = [np.full((360, 640, 3), level, np.uint8) for level in (0, 128, 255)]
    pictures += [random.integers(0, 256, (360, 640, 3), dtype=np.uint8) for _ in range(3)]
    assert [find(frame_of(picture)) for picture in pictures] == [()] * 6


def best_overlap(faces: tuple[Detection, ...], box: NDArray[np.float32]) -> float:
    """Largest share of common in joint area between ``box`` and any face."""
    best = 0.0
    for face in faces:
        low, high = np.maximum(face.box[:2], box[:2]), np.minimum(face.box[2:], box[2:])
        shared = float(np.clip(high - low, 0, None).prod())
        areas = float((face.box[2:] - face.box[:2]).prod() + (box[2:] - box[:2]).prod())
        best = max(best, shared / (areas - shared))
    return best


def frames_of(clip: Path, every: int) -> list[Frame]:
    """Each ``every``-th frame of a clip."""
    reader, frames = cv2.VideoCapture(str(clip)), []
    while True:
        fine, picture = reader.read()
        if not fine:
            break
        frames.append(picture)
    reader.release()
    return [frame_of(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)) for picture in frames[::every]]


@pytest.mark.shared
@pytest.mark.parametrize("talker", ["lwbsza", "pwij3p", "swiz3n"])
def test_talkers_that_never_trained_are_found_where_yunet_finds_them(
    shared: Path, talker: str
) -> None:
    find, judge = detector(), YuNet(shared / "data/models/yunet/yunet_n_dynamic.onnx")
    frames = frames_of(shared / f"data/clips/grid/{talker}.mpg", 5)
    overlaps = [best_overlap(find(frame), judge(frame)[0].box) for frame in frames]
    assert min(overlaps) > 0.5
    assert np.mean(overlaps) > 0.7


@pytest.mark.shared
def test_portraits_of_real_people_are_found(shared: Path) -> None:
    find, found = detector(), 0
    files = sorted((shared / "data/faces_real_cc0").glob("*.jpg"))
    for file in files:
        picture = cv2.imread(str(file), cv2.IMREAD_REDUCED_COLOR_4)
        found += bool(find(frame_of(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))))
    assert found >= 0.95 * len(files)


@pytest.mark.shared
def test_a_clip_without_a_face_has_none(shared: Path) -> None:
    find = detector()
    assert not any(find(frame) for frame in frames_of(shared / "data/clips/pyfeat/no_face.mp4", 4))
