"""Training pictures carry true labels, and the network learns and is exported from them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from swapcast.export.detector import Export, export  # noqa: E402
from swapcast.export.runners import open_runner  # noqa: E402
from swapcast.models.detector import STRIDES, Detector  # noqa: E402
from swapcast.models.detector_choosing import shift  # noqa: E402
from swapcast.models.detector_clutter import clutter  # noqa: E402
from swapcast.models.detector_compose import Batches, Composer  # noqa: E402
from swapcast.models.detector_covers import occlude  # noqa: E402
from swapcast.models.detector_data import (  # noqa: E402
    Labelled,
    Material,
    is_for_choosing,
    is_for_judging,
    is_held_out,
    read_material,
)
from swapcast.models.detector_evaluation import small_faces  # noqa: E402
from swapcast.models.detector_loss import RANGES, assign, cell_centres, losses  # noqa: E402
from swapcast.models.detector_training import Run, Training  # noqa: E402

DOTS = ((255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 0), (0, 255, 255))


def drawn() -> Labelled:
    """A grey oval with a coloured dot at each of its five points."""
    picture = np.full((256, 256, 3), 40, np.uint8)
    cv2.ellipse(picture, (128, 128), (50, 64), 0, 0, 360, (150, 150, 150), -1)
    points = np.array([[108, 108], [148, 108], [128, 132], [112, 160], [144, 160]], np.float32)
    for (x, y), colour in zip(points.astype(int).tolist(), DOTS, strict=True):
        cv2.circle(picture, (x, y), 7, colour, -1)
    levels = tuple(
        cv2.resize(picture, (256 >> k, 256 >> k), interpolation=cv2.INTER_AREA) for k in range(4)
    )
    face = np.concatenate([[78, 64, 178, 192], points.ravel()]).astype(np.float32)[None]
    return Labelled(levels, face, np.zeros((0, 4), np.float32))


def test_points_stay_on_what_they_mark_when_pictures_are_turned_scaled_and_flipped() -> None:
    compose = Composer(Material([drawn()]), np.random.default_rng(3))
    seen = 0
    for _ in range(40):
        picture = np.zeros((256, 320, 3), np.uint8)
        faces, _ = compose._lay(picture, np.zeros((256, 320), np.int16), 1, alone=True)
        for face in faces:
            if face[2] - face[0] < 60:
                continue
            for (x, y), colour in zip(face[4:].reshape(5, 2), DOTS, strict=True):
                if 2 < x < 317 and 2 < y < 253:
                    near = picture[round(float(y)), round(float(x))].astype(int)
                    wanted = DOTS.index(colour)
                    distances = [np.abs(near - other).sum() for other in DOTS]
                    # a flip changes sides: the first point is always the picture's left
                    same = {0: (0, 1), 1: (0, 1), 3: (3, 4), 4: (3, 4)}.get(wanted, (wanted,))
                    assert int(np.argmin(distances)) in same
                    seen += 1
            eyes = face[6] - face[4]
            assert eyes > 0
    assert seen > 50


def test_composed_pictures_are_the_same_for_the_same_seed_and_their_faces_are_in_sight() -> None:
    first, second = (Composer(Material([drawn()]), np.random.default_rng(5)) for _ in range(2))
    count = 0
    for shape in ((256, 320), (192, 320), (320, 192)) * 5:
        picture, faces, _ = first(*shape)
        again, same, _ = second(*shape)
        assert np.array_equal(picture, again)
        assert np.array_equal(faces, same)
        assert picture.shape == (*shape, 3)
        centres = (faces[:, :2] + faces[:, 2:4]) / 2
        assert ((centres > -20) & (centres < (shape[1] + 20, shape[0] + 20))).all()
        count += len(faces)
    assert count > 8


def test_clutter_is_varied() -> None:
    random = np.random.default_rng(0)
    pictures = [clutter(96, 120, random) for _ in range(30)]
    assert {picture.shape for picture in pictures} == {(96, 120, 3)}
    means = np.array([picture.mean((0, 1)) for picture in pictures])
    assert means.std(0).min() > 20


def grids_of(faces: NDArray[np.float32], height: int, width: int) -> tuple["torch.Tensor", ...]:
    """What a perfect network would answer for one picture."""
    grids = []
    truth = torch.from_numpy(faces)
    for stride, sizes in zip(STRIDES, RANGES, strict=True):
        rows, columns = height // stride, width // stride
        centres = cell_centres(rows, columns, stride)
        owner, _ = assign(centres, stride, sizes, truth, torch.zeros(0, 4))
        grid = torch.zeros(rows * columns, 15)
        grid[:, 0] = torch.where(owner >= 0, 12.0, -12.0)
        face = truth[owner.clamp(min=0)]
        grid[:, 1:3] = ((face[:, :2] + face[:, 2:4]) / 2 - centres) / stride
        grid[:, 3:5] = torch.log((face[:, 2:4] - face[:, :2]) / stride)
        grid[:, 5:] = (face[:, 4:] - centres.repeat(1, 5)) / stride
        grids.append(grid.T.reshape(1, 15, rows, columns))
    return tuple(grids)


@pytest.mark.parametrize("size", [16, 40, 60, 90, 130, 260])
def test_the_loss_is_nothing_for_the_right_answer_and_each_part_sees_its_error(size: int) -> None:
    box = np.array([20, 10, 20 + size, 10 + 0.9 * size], np.float32)
    face = np.concatenate([box, 30 + np.arange(10)]).astype(np.float32)[None]
    numbered = torch.from_numpy(np.concatenate([[[0.0]], face], 1).astype(np.float32))
    nothing = torch.zeros(0, 5)
    right = grids_of(face, 256, 320)
    assert float(losses(right, numbered, nothing).total) < 1e-3
    for channel, part in ((0, "score"), (1, "box"), (4, "box"), (7, "points")):
        wrong = tuple(grid.clone() for grid in right)
        for grid in wrong:
            grid[:, channel] = -grid[:, channel] if channel == 0 else grid[:, channel] + 0.7
        parts = losses(wrong, numbered, nothing)
        assert float(getattr(parts, part)) > 0.004
        for other in {"score", "box", "points"} - {part}:
            assert float(getattr(parts, other)) < 1e-3


def test_boxes_of_which_the_teacher_is_unsure_do_not_count() -> None:
    seen = tuple(torch.zeros(1, 15, 256 // stride, 320 // stride) for stride in STRIDES)
    for grid in seen:
        grid[:, 0] = -12
    seen[0][0, 0, 5, 5] = 6
    none = torch.zeros(0, 15)
    doubt = torch.tensor([[0.0, 30, 30, 60, 60]])
    assert float(losses(seen, none, doubt).score) < 1e-3
    assert float(losses(seen, none, torch.zeros(0, 5)).score) > 1


def test_a_run_learns_goes_on_after_a_stop_and_is_exported(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    settings = Training(data=tmp_path, out=tmp_path, steps=40, batch=2, rate=3e-3)
    batch = next(iter(Batches(Material([drawn()]), 2, 12)))
    run = Run(settings)
    lost = [float(sum(run.learn(batch).values())) for _ in range(14)]
    assert min(lost[-3:]) < 0.7 * lost[0]
    run.save()
    again = Run(Training(data=tmp_path, out=tmp_path, steps=40, batch=2, rate=3e-3, resume=True))
    assert again.step == 14
    for mine, other in zip(run.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(mine, other)
    file = tmp_path / "detector.onnx"
    export(Export(checkpoint=tmp_path / "checkpoint.pt", out=file))
    runner = open_runner(file)
    assert runner.metadata["steps"] == "14"
    assert "YuNet" in runner.metadata["teacher"]
    grids = runner({"image": np.zeros((1, 3, 240, 320), np.float32)})
    assert [grid.shape for grid in grids] == [(1, 15, 30, 40), (1, 15, 15, 20), (1, 15, 8, 10)]


def test_the_network_is_small_enough_to_be_bundled() -> None:
    assert sum(weight.numel() for weight in Detector().parameters()) < 450_000


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no pictures in"):
        read_material(tmp_path, tmp_path)


def test_training_goes_on_from_an_exported_network(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    first = Run(Training(data=tmp_path, out=tmp_path / "first", steps=40, batch=2))
    batch = next(iter(Batches(Material([drawn()]), 2, 12)))
    for _ in range(3):
        first.learn(batch)
    (tmp_path / "first").mkdir()
    first.save()
    file = tmp_path / "first.onnx"
    export(Export(checkpoint=tmp_path / "first/checkpoint.pt", out=file, doubt=(0.9, 0.5, 0.25)))
    more = Training(data=tmp_path, out=tmp_path, steps=40, batch=2, rate=3e-3, start=file)
    second = Run(more)
    image = torch.rand(1, 3, 128, 160)
    with torch.no_grad():
        taught = first.average.network(image)
        for mine, theirs in zip(second.network.eval()(image), taught, strict=True):
            assert torch.allclose(mine, theirs, atol=2e-2)
    lost = [float(sum(second.learn(batch).values())) for _ in range(10)]
    assert min(lost[-3:]) < 0.9 * lost[0]
    second.save()
    export(Export(checkpoint=tmp_path / "checkpoint.pt", out=tmp_path / "second.onnx"))
    again = Run(Training(data=tmp_path, out=tmp_path, steps=40, batch=2, resume=True))
    assert again.step == 10
    for mine, other in zip(second.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_missing_network_to_start_from_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no network at .*absent\.onnx"):
        Run(Training(data=tmp_path, out=tmp_path, start=tmp_path / "absent.onnx"))


def test_hats_glasses_and_hands_hide_a_part_of_a_face_and_nothing_far_away() -> None:
    random = np.random.default_rng(2)
    face = np.array(
        [300, 200, 380, 300, 320, 240, 360, 240, 340, 260, 325, 280, 355, 280], np.float32
    )
    changed, hidden = 0, 0
    for _ in range(40):
        out = np.full((480, 640, 3), 120, np.uint8)
        cover = occlude(out, face, random)
        touched = (out != 120).any(2)
        changed += bool(touched[200:300, 300:380].any())
        hidden += bool(cover.any())
        assert not touched[:20].any()
        assert not cover[:, :100].any()
        assert touched[cover].all()
    assert changed > 36
    assert 5 < hidden < 30


def test_the_shift_leaves_the_allowed_share_of_false_faces() -> None:
    tops = np.concatenate([np.full(1990, -3.0), np.linspace(0.1, 1.0, 10)])
    assert shift(tops, 0.0) == 1.0
    assert shift(tops, 0.001) == pytest.approx(0.8)
    assert shift(tops - 2, 0.001) == 0.0


def test_pictures_to_choose_by_judge_by_and_train_on_are_never_the_same() -> None:
    for number in range(900):
        name = f"{number:04}.jpg"
        assert not (is_for_choosing(name) and is_for_judging(name))
        assert is_held_out(name) == (is_for_choosing(name) or is_for_judging(name))


@pytest.mark.slow
def test_faces_made_small_keep_their_place() -> None:
    face = np.concatenate([[78, 64, 178, 192, 108, 108, 148, 108], np.full(6, 128), [0.9]])
    marked = [(drawn().levels[0], face.astype(np.float32)[None])] * 20
    for frame, placed in small_faces(marked):
        assert frame.shape == (480, 640, 3)
        assert 39.9 < placed[0, 3] - placed[0, 1] < 56.1
        x, y = placed[0, 4:6]
        assert np.abs(frame[round(float(y)), round(float(x))].astype(int) - DOTS[0]).max() < 130
