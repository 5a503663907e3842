"""No true face leaves, and the test that says so would notice one."""

import json
from math import comb

import numpy as np
import pytest

from swapcast.bench.annotations import true_faces
from swapcast.bench.faults import Failing, Schedule, failing
from swapcast.bench.judge import face_part, far_threshold, tight_bound
from swapcast.bench.leaks import Leaks, main
from swapcast.export.runners import RunnerError, open_runner
from swapcast.realtime.check import THRESHOLD, face_check, long_side
from swapcast.realtime.clip import Clip
from swapcast.realtime.errors import ModelError
from swapcast.realtime.synthetic import Synthetic


@pytest.mark.parametrize(("leaks", "frames"), [(0, 100), (1, 100), (5, 1000), (40, 400)])
def test_at_the_bound_so_few_leaks_have_a_chance_of_one_in_twenty(leaks, frames):
    rate = tight_bound(leaks, frames)
    terms = (comb(frames, k) * rate**k * (1 - rate) ** (frames - k) for k in range(leaks + 1))
    assert sum(terms) == pytest.approx(0.05, rel=1e-4)


def test_without_a_leak_the_bound_is_the_rule_of_three():
    assert tight_bound(0, 20_000) == pytest.approx(3 / 20_000, rel=0.01)


def test_the_threshold_lets_so_many_pairs_of_different_people_pass():
    codes = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    people = np.repeat(np.arange(150), 2)
    threshold = far_threshold(codes, people, 1e-2)
    scores = codes @ codes.T
    different = people[:, None] != people[None]
    assert (scores[different] > threshold).mean() == pytest.approx(1e-2, rel=0.1)


class Plain:
    """A network that always gives the same."""

    provider, precision, shapes, metadata = "cuda", "fp32", {}, {}

    def __call__(self, inputs):
        return [np.arange(8, dtype=np.float32).reshape(1, 8), np.full((1, 4), 0.5, np.float32)]

    def __exit__(self, *_):
        pass


def opens(model, provider, *, threads):
    return Plain()


@pytest.mark.parametrize("kind", ["raise", "nan", "garbage", "stuck", "blank", "echo", "copy"])
def test_a_network_fails_as_planned_and_only_then(kind):
    plan = Failing(kind, Schedule(start=3, length=2, every=10))
    network = plan.around(opens)(b"", "cuda", threads=1)
    crop = np.full((1, 8), 0.5, np.float32)
    wrong = []
    for call in range(16):
        try:
            first, second = network({"crop": crop})
        except RuntimeError:
            wrong.append(call)
            continue
        right = Plain()({})
        if not (np.array_equal(first, right[0]) and np.array_equal(second, right[1])):
            wrong.append(call)
    # An answer that never changes is always stuck: nobody can tell.
    assert wrong == ([] if kind == "stuck" else [3, 4, 13, 14])
    assert plan.faults == 4


def test_a_lost_provider_never_comes_back():
    plan = failing("lost")
    network = plan.around(opens)(b"", "cuda", threads=1)
    for _ in range(plan.when.start):
        network({})
    with pytest.raises(RuntimeError, match="removed"):
        network({})
    with pytest.raises(RunnerError, match="removed"):
        plan.around(opens)(b"", "cuda", threads=1)
    assert plan.around(opens)(b"", "cpu", threads=1)


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (360, 288), (720, 1280), (2000, 100)])
def test_the_checks_small_picture_stays_small(size):
    side = long_side(*size)
    rows = -(-round(side * min(size) / max(size)) // 32) * 32
    assert side % 32 == 0
    assert 160 <= side <= 224
    assert side * rows <= 192 * 160


@pytest.mark.shared
def test_the_check_misses_no_portrait(shared):
    check = face_check()
    missed = []
    for path in sorted((shared / "data" / "faces_real_cc0").glob("*.jpg")):
        (frame,) = Clip(path=path).frames()
        hits = check.hits(frame)
        if not any(hit.score >= THRESHOLD for hit in hits):
            missed.append(path.name)
    assert len(missed) <= 2, missed


@pytest.mark.shared
@pytest.mark.slow
def test_the_check_sees_every_small_face_of_people_walking_up(shared, tmp_path):
    """New weights of the detector need another threshold: this says when."""
    data = shared / "data"
    clip = data / "clips/intel/face-demographics-walking-and-pause.gif"
    faces = true_faces(
        clip,
        data / "models/yunet/yunet_n_dynamic.onnx",
        data / "models/mediapipe_onnx/face_landmark.onnx",
        tmp_path,
    )
    check, missed = face_check(), []
    for frame in Clip(path=clip).frames():
        hits = check.hits(frame)
        for face in (face for face in faces if face.frame == frame.number):
            middle = face.points.mean(0)
            if not any(
                (hit.box[:2] < middle).all() and (middle < hit.box[2:]).all() for hit in hits
            ):
                missed.append((frame.number, round(face.size)))
    assert len(faces) > 100
    assert missed == []


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("guard", ["blur", "pass"])
def test_no_true_face_leaves_under_faults_unless_the_user_said_so(shared, tmp_path, capfd, guard):
    """A short form of `swapcast bench leaks`; bench/results has the long one."""
    data = shared / "data"
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("grid/swiz3n.mpg", "pyfeat/single_face.mp4"):
        (clips / name.split("/")[1]).symlink_to(data / "clips" / name)
    main(
        Leaks(
            clips=clips,
            judge=data / "models/openvino_omz/face-reidentification-retail-0095.onnx",
            finder=data / "models/yunet/yunet_n_dynamic.onnx",
            mesh=data / "models/mediapipe_onnx/face_landmark.onnx",
            portraits=data / "faces_real_cc0",
            cache=tmp_path,
            faults=("none", "swapper:raise", "swapper:nan", "landmarks:garbage", "check:raise"),
            guard=guard,
            threshold=0.48,
            json=tmp_path / "leaks.json",
        )
    )
    figures = json.loads((tmp_path / "leaks.json").read_text())
    assert figures["control"]["share"] >= 0.99
    assert figures["all"]["frames"] > 300
    if guard == "blur":
        assert figures["all"]["leaks"] == 0, [row["where"] for row in figures["results"]]
    else:
        assert figures["all"]["leaks"] > 10
    assert all(row["injected"] for row in figures["results"][1:])


def test_a_check_that_gives_nonsense_says_so():
    plan = Failing("nan", Schedule(start=0, length=1, every=100))
    check = face_check(open_detector=plan.around(open_runner))
    (frame,) = Synthetic(width=320, height=240, seconds=1 / 30).frames()
    with pytest.raises(ModelError, match="the guard's detector failed on cpu: it gave numbers"):
        check.hits(frame)


def test_beside_a_turned_face_no_pixel_counts():
    frontal = np.array([[40, 59], [87, 59], [64, 82], [45, 105], [83, 105]], np.float32)
    assert face_part(frontal).mean() > 0.95
    # Fitted to the recogniser's five points, a head turned to one side lies off the middle.
    turned = np.array([[48, 59], [80, 59], [40, 82], [44, 105], [66, 105]], np.float32)
    seen = face_part(turned)
    assert seen[:, :40].mean() > 0.9
    assert not seen[40:, 56:].any()
