"""The compact student: it learns from pairs, is baked, and swaps live from a vector."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from swapcast.export.parity import sample_pictures
from swapcast.export.runners import open_runner
from swapcast.export.student import bake, export_student
from swapcast.export.to_onnx import export
from swapcast.kernels.geometry import TEMPLATES
from swapcast.models.architectures import READY, load_model
from swapcast.models.augmentation import Augmentation
from swapcast.models.checkpoint import CheckpointError, read_checkpoint
from swapcast.models.embedder import Embedder, EmbedderSettings, write_embedder
from swapcast.models.pair_feed import PairFeed
from swapcast.models.student import Student
from swapcast.models.student_evaluation import Settings, evaluate, psnr_in, ssim_in
from swapcast.models.student_settings import StudentSettings
from swapcast.models.train_run import open_fabric, train
from swapcast.models.train_settings import TrainingError, TrainSettings
from swapcast.models.training import Training
from swapcast.realtime.student import Base
from tests.made_pairs import write_set

TINY = StudentSettings(
    size=64,
    widths=(8, 8, 16),
    blocks=(0, 1, 1),
    portrait=(8, 8, 8),
    vector=8,
    detail=0.2,
    window=48,
)
AUGMENTATION = Augmentation(colour=0.1, blur=0.2, noise=0.02, codec=0.3)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("pairs"))


def settings_for(pairs, out, **changes):
    values = {"steps": 2, "batch": (3,), "precision": "fp32", "rate": 3e-3, "average": 0.5}
    values |= {"data": (str(pairs),), "model": TINY, "augmentation": AUGMENTATION}
    return TrainSettings(out=out, **{**values, **changes})


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    train(settings_for(pairs, out, steps=150))
    return out


@pytest.fixture(scope="module")
def files(run):
    return export_student(run, identities=1)


@pytest.mark.slow
def test_it_learns_whose_colour_a_portrait_says(pairs, run):
    """After a minute's training in miniature it paints each disc in its own person's colour."""
    student = load_model(read_checkpoint(run / "checkpoint.safetensors"))
    feed = PairFeed([pairs], 64, AUGMENTATION, torch.device("cpu"))
    batch = feed.batch(range(12), None)
    with torch.no_grad():
        made = student.show(batch).face
        other = student.show(dataclasses.replace(batch, views=batch.views.roll(1, 0))).face
    right = float((made - batch.target).abs().mean())
    assert right < 0.5 * float((batch.driver - batch.target).abs().mean())
    assert right < 0.7 * float((other - batch.target).abs().mean())


def test_a_resumed_run_is_the_run_that_was_never_broken(pairs, tmp_path):
    whole = train(settings_for(pairs, tmp_path / "whole", steps=4))
    train(settings_for(pairs, tmp_path / "broken"))
    torch.manual_seed(99)  # another program's chance in between
    broken = train(settings_for(pairs, tmp_path / "broken", steps=4, resume=True))
    expected = load_file(whole)
    for key, value in load_file(broken).items():
        torch.testing.assert_close(value, expected[key], msg=key)
    assert (tmp_path / "whole" / "preview.png").stat().st_size > 1000


def test_pairs_stay_pairs_when_they_are_changed(pairs):
    """Driver and target move and change colour alike; the points move with them."""
    much = dataclasses.replace(AUGMENTATION, blur=0, noise=0, codec=0, shift=0.1)
    feed = PairFeed([pairs], 224, much, torch.device("cpu"))
    plain = feed.batch(range(6), None)
    changed = feed.batch(range(6), np.random.default_rng(1))
    assert not torch.equal(plain.driver, changed.driver)
    room = changed.face == 0
    apart = (changed.driver - changed.target).abs() * room
    assert float(apart.max()) < 0.02
    for batch in (plain, changed):
        middle = (batch.face * torch.arange(224.0)).sum((1, 2, 3)) / batch.face.sum((1, 2, 3))
        assert float((batch.points[:, :, 0].mean(1) - middle).abs().max()) < 25


def test_portraits_are_cut_out_as_recognisers_want_them():
    """A mark at each of the five points lands where the template says."""
    from swapcast.models.pair_feed import align

    points = np.array(TEMPLATES["dfl_whole_face"]) * 224 + 3
    picture = np.zeros((1, 3, 224, 224), np.float32)
    for x, y in points.round().astype(int):
        picture[..., y - 2 : y + 3, x - 2 : x + 3] = 1
    cut = align(torch.from_numpy(picture), torch.from_numpy(points.astype(np.float32))[None])
    goal = np.array(TEMPLATES["arcface_112_v2"]) * 112
    for x, y in goal:
        near = cut[0, 0, int(y) - 5 : int(y) + 7, int(x) - 5 : int(x) + 7]
        assert float(near.max()) > 0.8, (x, y)


@pytest.mark.slow
def test_what_is_baked_is_what_was_told(run, files):
    """Base and vector, baked by the live product's numpy, make the trained network's pictures."""
    assert all(report.passed for report in files.parity)
    student = load_model(read_checkpoint(run / "checkpoint.safetensors"))
    view = torch.rand(1, 3, 112, 112)
    with torch.no_grad():
        vector = student.portraits(view)
    with open_runner(files.reader) as reader:
        read = np.array(reader({"portrait": view.numpy()})[0])
    np.testing.assert_allclose(read, vector.numpy(), atol=0.03)
    baked = Base(files.base).bake(vector[0].numpy())
    assert len(baked) == len(files.base)
    with open_runner(baked) as ours, open_runner(bake(files.base, vector[0].numpy())) as twin:
        for picture in sample_pictures(64):
            made = [np.array(part) for part in ours({"crop": picture})]
            with torch.no_grad():
                wanted = student.like(torch.from_numpy(picture), vector)
            for one, other, exact in zip(made, twin({"crop": picture}), wanted, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-6)
                np.testing.assert_allclose(one, exact.numpy(), atol=1e-2)


def test_another_vector_is_another_face(files):
    random, made = np.random.default_rng(0), []
    for _ in range(2):
        base = Base(files.base)
        vector = random.normal(size=base.length).astype(np.float32)
        look = random.normal(size=math.prod(base.map_shape)).astype(np.float32)
        baked = base.bake(np.concatenate([vector / np.linalg.norm(vector), look]))
        with open_runner(baked) as runner:
            made.append(np.array(runner({"crop": sample_pictures(64)[2]})[0]))
    assert np.abs(made[0] - made[1]).mean() > 1e-3


@pytest.mark.slow
def test_a_student_may_do_without_a_map(pairs, tmp_path):
    """Then a pack holds the direction alone."""
    model = dataclasses.replace(TINY, channels=0)
    train(settings_for(pairs, tmp_path / "run", model=model))
    files = export_student(tmp_path / "run", identities=1)
    assert all(report.passed for report in files.parity)
    assert len(Base(files.base).bake(np.ones(8, np.float32))) == len(files.base)


def test_it_is_no_swapper_of_named_identities(run):
    with pytest.raises(CheckpointError, match="swapcast face add"):
        export(run, "a")


def test_a_recogniser_may_stand_beside_and_judge(pairs, tmp_path):
    """Its weights stay as they were learned, and the identity loss reaches the generator."""
    path = tmp_path / "live.safetensors"
    write_embedder(Embedder(EmbedderSettings(template="arcface_112_v2")), [], path)
    model = dataclasses.replace(TINY, recogniser=str(path), teacher=str(path))
    settings = settings_for(pairs, tmp_path / "run", model=model)
    training = Training(settings, open_fabric(settings))
    assert isinstance(training.model, Student)
    before = {k: v.clone() for k, v in training.model.portraits.recogniser.state_dict().items()}
    training.learn()
    assert training.losses["identity"] > 0
    for key, value in training.model.portraits.recogniser.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"blocks": (1, 1)}, "2 numbers of blocks for 3"), ({"size": 60}, "multiple of 8")],
)
def test_settings_that_do_not_fit_are_said(changes, why):
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(TINY, **changes)


def test_a_folder_without_pairs_is_said(tmp_path):
    with pytest.raises(TrainingError, match="no pairs"):
        train(settings_for(tmp_path, tmp_path / "run"))


def test_the_published_form_is_small_enough():
    """The bars: 4 million parameters and 3 GFLOP (two a multiply and add) once it is baked."""
    student = Student(settings=READY["student"].settings).eval()
    counted = []

    def count(layer, inputs, output):
        kernel = layer.weight[0].numel()
        counted.append(2 * kernel * output.numel())

    for layer in student.generator.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        student.like(torch.zeros(1, 3, 224, 224), student.portraits(torch.zeros(1, 3, 112, 112)))
    convolutions = [m for m in student.generator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum(p.numel() for m in convolutions for p in m.parameters()) < 4e6
    assert 1e9 < sum(counted) < 3e9
    assert json.loads(json.dumps(dataclasses.asdict(student.settings)))


def test_the_evaluation_knows_who_is_nearer_to_the_exact_frame(pairs, run):
    """The trained miniature beats the driver; a picture beats itself by nothing."""
    found = evaluate(Settings(run=run, data=pairs))
    assert found["student"]["pairs"] == 12
    assert found["student"]["psnr_db"] > found["driver"]["psnr_db"] + 3
    picture, mask = torch.rand(3, 32, 32), torch.ones(1, 32, 32)
    assert psnr_in(picture, picture, mask) == pytest.approx(100)
    assert ssim_in(picture, picture, mask) == pytest.approx(1)
    assert psnr_in(picture * 0, picture * 0 + 0.1, mask) == pytest.approx(20, abs=1e-3)
