"""Faces are found in frames: the small picture, the reading of the grids, the bundled network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_frames import frame_of
from naive_shrink import shrink as naive_shrink
from numpy.typing import NDArray

from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.grids import collect, suppress
from swapcast.kernels.shrink import shrink, spans
from swapcast.realtime.detector import Detector
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Colour
from swapcast.realtime.yunet import YuNet


class Fixed:
    """A runner that gives the same grids for any picture and keeps what it was given.

    For the pictures of places seen from near (128×128) it may have grids of their own.
    """

    provider = "cpu"
    metadata: Mapping[str, str] = {}

    def __init__(
        self,
        grids: list[NDArray[np.float32]],
        shape: tuple[int, ...] = (1, 3, 1, 1),
        near: list[NDArray[np.float32]] | None = None,
    ) -> None:
        self.grids, self.shapes = grids, {"image": shape}
        self.near = grids if near is None else near
        self.seen: list[NDArray[np.float32]] = []

    def __call__(self, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        self.seen.append(inputs["image"].copy())
        return list(self.near if inputs["image"].shape[2:] == (128, 128) else self.grids)

    def __enter__(self) -> "Fixed":
        return self

    def __exit__(self, *_: object) -> None: ...


def blank(height: int, width: int) -> list[NDArray[np.float32]]:
    """Grids without any face for a network's input of that size."""
    grids = [np.zeros((1, 15, -(-height // s), -(-width // s)), np.float32) for s in (8, 16, 32)]
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
    grids = blank(240, 320)
    for column, score in ((10, 1.0), (11, 3.0), (12, 2.0)):
        grids[0][0, :5, 7, column] = [score, 11 - column, 0, np.log(6), np.log(7)]
    grids[2][0, :5, 6, 2] = [4.0, 0, 0, np.log(2), np.log(2)]
    faces = Detector(Fixed(grids))(frame_of(np.zeros((480, 640, 3), np.uint8)))
    assert [round(face.score, 3) for face in faces] == [0.982, 0.953]
    assert np.allclose(faces[1].box[::2].mean(), ((11.5 * 8 - 0.5) + 0.5) * 2 - 0.5, atol=1e-3)


def logit(score: float) -> float:
    """Undo the sigmoid."""
    return float(np.log(score / (1 - score)))


@pytest.mark.parametrize(
    ("first", "from_near", "score"),
    [
        (0.25, 0.8, 0.8),  # doubtful, and surely a face from near
        (0.25, 0.6, None),  # doubtful, and not sure from near either
        (0.6, 0.4, 0.6),  # a face that is not denied
        (0.6, 0.1, None),  # a face that is denied
        (0.1, 0.9, None),  # nothing that would be worth a look
        (0.9, 0.1, 0.9),  # sure enough not to be looked at again
    ],
)
def test_a_doubtful_place_is_looked_at_from_near(
    first: float, from_near: float, score: float | None
) -> None:
    grids, near = blank(240, 320), blank(128, 128)
    # 40 pixels wide around (99.5, 59.5) of 320, so twice that of 640
    grids[0][0, :5, 7, 12] = [logit(first), 0, 0, np.log(5), np.log(5)]
    # it fills 0.45 of the picture from near; there it is seen half a cell further right
    near[1][0, :5, 3, 4] = [logit(from_near), 0, 0.5, np.log(3.6), np.log(3.6)]
    runner = Fixed(grids, near=near)
    faces = Detector(runner, doubtful=0.2)(frame_of(np.zeros((480, 640, 3), np.uint8)))
    assert [round(face.score, 3) for face in faces] == ([] if score is None else [score])
    assert len(runner.seen) == (2 if 0.2 <= first < 0.7 else 1)
    if score == 0.8:
        step = 80 / 57.6  # frame pixels of one pixel from near
        middle = np.array([199.5 + 8 * step, 119.5])
        assert np.allclose(faces[0].box, np.tile(middle, 2) + np.repeat([-40, 40], 2), atol=0.6)


def test_no_more_than_three_places_of_a_frame_are_looked_at_again() -> None:
    grids = blank(240, 320)
    for column in range(4, 40, 5):
        grids[0][0, :5, 9, column] = [-1, 0, 0, np.log(3), np.log(3)]
    runner = Fixed(grids, near=blank(128, 128))
    assert Detector(runner, doubtful=0.2)(frame_of(np.zeros((480, 640, 3), np.uint8))) == ()
    assert len(runner.seen) == 4


def test_a_low_threshold_needs_no_second_look() -> None:
    """The check before a frame leaves must take what it sees at once."""
    grids = blank(240, 320)
    grids[0][0, :5, 9, 9] = [logit(0.1), 0, 0, np.log(3), np.log(3)]
    runner = Fixed(grids, near=blank(128, 128))
    find = Detector(runner, threshold=0.06, doubtful=0.2)
    assert len(find(frame_of(np.zeros((480, 640, 3), np.uint8)))) == 1
    assert len(runner.seen) == 1


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
        (640, 480, (240, 320)),
        (720, 1280, (320, 192)),
        (33, 21, (208, 320)),
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
