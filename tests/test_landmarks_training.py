import json

import cv2
import numpy as np
import pytest

from swapcast.kernels.geometry import transform
from swapcast.kernels.upright import upright
from swapcast.models.landmarks_augment import MIRRORED, Pool, batch, face
from swapcast.models.landmarks_covers import hand
from swapcast.models.landmarks_data import FACE, REGION, stored
from swapcast.models.landmarks_turning import MESH_68, seen, triangles, turned

torch = pytest.importorskip("torch", reason="training needs swapcast[train]")


def drawn_face():
    """Give a picture of discs on grey and 68 points in it, the discs at some of them."""
    import drawn_face as shapes

    points = shapes.placed(REGION / 2, REGION / 2 - 10, 50)
    picture = np.full((REGION, REGION, 3), 90, np.uint8)
    outline = np.concatenate([points[:17], points[26:16:-1]]).astype(np.int32)
    cv2.fillPoly(picture, [outline], (120, 160, 210))
    for place, colour in ((36, (255, 0, 0)), (45, (0, 255, 0)), (30, (0, 0, 255)), (8, (0, 0, 0))):
        cv2.circle(picture, tuple(points[place].round().astype(int).tolist()), 3, colour, -1)
    return picture, points


@pytest.fixture(scope="module")
def pool():
    picture, points = drawn_face()
    kept = stored(picture, points, np.ones(68, np.uint8))
    rng = np.random.default_rng(0)
    backgrounds = rng.integers(0, 256, (4, 112, 112, 3), np.uint8)
    return Pool(kept.picture[None], kept.landmarks[None], kept.visible[None], backgrounds)


def test_mirroring_twice_changes_nothing_and_swaps_the_sides():
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(68))
    assert MIRRORED[36] == 45
    assert MIRRORED[48] == 54
    assert MIRRORED[0] == 16


def test_a_stored_face_lies_upright_in_the_middle():
    picture, points = drawn_face()
    kept = stored(cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE), _quarter(points), np.ones(68))
    low, high = kept.landmarks.min(0), kept.landmarks.max(0)
    np.testing.assert_allclose((low + high) / 2, np.full(2, (REGION - 1) / 2), atol=0.1)
    way = upright(kept.landmarks, FACE)
    np.testing.assert_allclose(way[:, :2], np.eye(2), atol=1e-3)
    x, y = kept.landmarks[36].round().astype(int)
    assert kept.picture[y, x].argmax() == 0  # the blue disc is still at the eye


def _quarter(points):
    return np.stack([REGION - 1 - points[:, 1], points[:, 0]], 1).astype(np.float32)


def test_points_stay_on_what_they_mark_however_the_face_is_cut(pool):
    rng, size = np.random.default_rng(3), 112
    hits = total = 0
    for _ in range(60):
        crop, points, visible = face(pool, size, rng)
        flipped = points[36, 0] > points[45, 0]
        assert not flipped  # the eye on the picture's left stays number 36
        for place, channel in ((30, 2),):
            x, y = points[place].round().astype(int)
            if visible[place] and 2 < x < size - 2 and 2 < y < size - 2:
                total += 1
                hits += int(crop[y, x].argmax() == channel)
    assert total > 30
    assert hits >= 0.95 * total


def test_faces_that_look_aside_are_shown_often(pool):
    aside = pool.landmarks[0].copy()
    aside[:, 0] *= 0.5
    landmarks = np.stack([*[pool.landmarks[0]] * 19, aside])
    many = Pool(np.repeat(pool.pictures, 20, 0), landmarks, pool.visible, pool.backgrounds)
    rng = np.random.default_rng(0)
    numbers = [many.any_face(rng) for _ in range(600)]
    assert 0.25 < numbers.count(19) / 600 < 0.45
    assert len(set(numbers)) == 20
    assert set(pool.any_face(rng) for _ in range(9)) == {0}  # nobody looks aside here


def test_a_batch_shows_faces_and_none(pool):
    made = batch(pool, 200, 112, np.random.default_rng(0))
    assert made.crops.shape == (200, 3, 112, 112)
    assert made.crops.min() >= 0
    assert made.crops.max() <= 1
    assert 0.15 < 1 - made.presence.mean() < 0.35
    assert (made.visible[made.presence == 0] == 0).all()
    assert 0.6 < made.visible[made.presence == 1].mean() < 0.98


def test_what_a_hand_covers_is_changed_and_nothing_else(pool):
    points = transform(np.float32([[0.5, 0, 0], [0, 0.5, 0]]), pool.landmarks[0])
    crop = cv2.resize(pool.pictures[0], (112, 112))
    covered, mask = hand(crop, points, np.random.default_rng(1))
    assert 0.03 < (mask > 0.5).mean() < 0.8
    np.testing.assert_array_equal(covered[mask == 0], crop[mask == 0])
    assert (covered[mask > 0.9] != crop[mask > 0.9]).any(1).mean() > 0.9


def canonical(shared):
    file = shared / "data" / "head3d" / "mediapipe" / "canonical_face_model.obj"
    rows = [line.split()[1:4] for line in file.read_text().splitlines() if line.startswith("v ")]
    mesh = np.array(rows, np.float32) * np.float32([9, -9, -9]) + np.float32([128, 128, 0])
    return mesh, triangles(file)


@pytest.mark.shared
def test_a_head_turned_by_nothing_stays_and_turned_far_hides_a_side(shared):
    mesh, faces = canonical(shared)
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 256, (16, 16, 3), np.uint8), (256, 256))
    same, moved = turned(picture, mesh, faces, 0.0, 0.0)
    np.testing.assert_allclose(moved, mesh, atol=1e-3)
    assert np.abs(same.astype(int) - picture).mean() < 1.5
    front = seen(mesh, faces)
    assert front[17:].all()
    _, left = turned(picture, mesh, faces, 55.0, 0.0)
    _, right = turned(picture, mesh, faces, -55.0, 0.0)
    for view, far in ((left, right), (right, left)):
        assert 40 <= seen(view, faces).sum() < front.sum()
        assert not np.array_equal(seen(view, faces), seen(far, faces))
    np.testing.assert_allclose(
        left[MESH_68][MIRRORED, 0] + right[MESH_68][:, 0], np.full(68, 256), atol=1.5
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory, pool):
    from swapcast.models.landmarks_training import Train, train

    folder = tmp_path_factory.mktemp("landmarks")
    for name in ("pictures", "landmarks", "visible", "backgrounds"):
        np.save(folder / f"{name}.npy", getattr(pool, name))
    threads = torch.get_num_threads()
    train(Train(pool=folder, run=folder / "run", minutes=0.02, samples=4))
    torch.set_num_threads(threads)
    return folder


@pytest.mark.slow
def test_training_stops_goes_on_and_exports_the_same_network(trained):
    from swapcast.export.landmarks import Export, export
    from swapcast.export.landmarks import trained as load
    from swapcast.models.landmarks_training import Train, train

    before = torch.load(trained / "run" / "last.pt", weights_only=True)["step"]
    assert before >= 1
    train(Train(pool=trained, run=trained / "run", minutes=0.04, samples=4))
    assert torch.load(trained / "run" / "last.pt", weights_only=True)["step"] > before
    assert export(Export(run=trained / "run", out=trained / "net.onnx")) < 0.1
    model, _ = load(trained / "run")
    points, presence, visibility = model(torch.zeros(2, 3, 112, 112))
    assert points.shape == (2, 68, 2)
    assert presence.shape == (2, 1)
    assert visibility.shape == (2, 68)


@pytest.mark.slow
def test_training_goes_on_from_an_exported_network(trained, pool, tmp_path):
    from swapcast.export.landmarks import Export, export
    from swapcast.export.landmarks import trained as load
    from swapcast.export.runners import open_runner
    from swapcast.models.landmarks import LandmarkConfig, LandmarkModel
    from swapcast.models.landmarks_training import Train, load_exported, train

    file = tmp_path / "first.onnx"
    export(Export(run=trained / "run", out=file))
    model = LandmarkModel(LandmarkConfig())
    load_exported(model, file)
    crop = np.random.default_rng(0).random((1, 3, 112, 112), np.float32)
    points, presence, _ = open_runner(file)({"crops": crop})
    with torch.no_grad():
        mine = model.eval()(torch.from_numpy(crop))
    np.testing.assert_allclose(mine[0].numpy(), points, atol=1e-2)
    np.testing.assert_allclose(mine[1].sigmoid().numpy(), presence, atol=1e-3)
    threads = torch.get_num_threads()
    more = Train(pool=trained, run=tmp_path / "run", minutes=0.02, samples=4, start=file)
    train(more)
    torch.set_num_threads(threads)
    again, known = load(tmp_path / "run")
    assert int(known["steps"]) >= 1
    for layer in again.modules():  # what was folded into the filters stays there
        if isinstance(layer, torch.nn.BatchNorm2d):
            assert not layer.running_mean.any()
            assert (layer.running_var == 1).all()
    with pytest.raises(FileNotFoundError, match=r"no network at .*absent\.onnx"):
        load_exported(model, tmp_path / "absent.onnx")


@pytest.mark.shared
def test_turned_heads_are_marked_by_the_teacher_or_left_out(shared):
    from swapcast.models.landmarks_data import MeshTeacher, marked, read_picture, samples

    data = shared / "data"
    teacher = MeshTeacher(
        data / "models" / "yunet" / "yunet_n_dynamic.onnx",
        data / "models" / "mediapipe_onnx" / "face_landmark.onnx",
    )
    faces = triangles(data / "head3d" / "mediapipe" / "canonical_face_model.obj")
    picture = read_picture(sorted((data / "faces_ai" / "tiles").glob("*.jpg"))[2])
    straight, *views = samples(iter([picture]), teacher, faces, 8)
    assert 3 <= len(views) <= 8
    for view in views:
        again = marked(view.picture, view.landmarks, teacher, faces)
        eyes = np.hypot(*(view.landmarks[36] - view.landmarks[45]))
        away = np.linalg.norm(again.landmarks - view.landmarks, axis=1).mean()
        assert away < 0.05 * eyes
    wrong = straight.landmarks + np.float32([0, 25])
    assert marked(straight.picture, wrong, teacher, faces) is None


def test_renders_join_the_pool(trained, tmp_path):
    from swapcast.models.landmarks_training import load_pool

    picture, points = drawn_face()
    images = np.repeat(cv2.resize(picture, (256, 256))[None, :, :, ::-1], 3, 0)
    places = np.repeat(points[None] * np.float32(256 / REGION), 3, 0)
    seen_68 = np.ones((3, 68), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, landmarks=places, visibility=seen_68)
    joined = load_pool(trained, tmp_path)
    assert len(joined.pictures) == len(joined.landmarks) == len(joined.visible) == 4
    x, y = joined.landmarks[3, 36].round().astype(int)
    assert joined.pictures[3, y, x].argmax() == 0


@pytest.mark.shared
def test_evaluation_writes_its_figures(shared, tmp_path):
    from importlib import resources

    from swapcast.models.landmarks_evaluation import Evaluate, evaluate

    (tmp_path / "net.onnx").write_bytes(
        (resources.files("swapcast.assets") / "landmarks.onnx").read_bytes()
    )
    data = shared / "data"
    settings = Evaluate(
        model=tmp_path / "net.onnx",
        clips=(data / "clips" / "grid" / "lwbsza.mpg",),
        finder=data / "models" / "yunet" / "yunet_n_dynamic.onnx",
        mesh=data / "models" / "mediapipe_onnx" / "face_landmark.onnx",
        step=25,
        out=tmp_path / "figures.json",
    )
    figures = evaluate(settings)
    assert json.loads((tmp_path / "figures.json").read_text()) == figures
    assert 0 < figures["lwbsza.mpg"]["error_percent"] < 4
