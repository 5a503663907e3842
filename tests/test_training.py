"""A training in miniature: it learns, goes on where it was, and refuses what is damaged."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from swapcast.models.__main__ import read_settings, train_command
from swapcast.models.architectures import load_model
from swapcast.models.augmentation import Augmentation
from swapcast.models.checkpoint import CheckpointError, read_checkpoint
from swapcast.models.faces import Batch
from swapcast.models.shared_autoencoder import AutoencoderSettings, SharedAutoencoder
from swapcast.models.train_run import learn, open_fabric, train
from swapcast.models.train_settings import TrainingError, TrainSettings
from swapcast.models.training import CHECKPOINT, Training

TINY = AutoencoderSettings(width=1 / 16, dssim=0.1)


def write_faces(folder: Path, colour: tuple[int, int, int]) -> Path:
    """Write six drawn faces: an oval with eyes that look about and a mouth that opens."""
    folder.mkdir(parents=True)
    images, points = [], []
    for k in range(6):
        picture = np.full((128, 128, 3), 90, np.uint8)
        cv2.ellipse(picture, (64, 66), (38, 50), 0, 0, 360, colour, -1)
        for x in (46, 82):
            cv2.circle(picture, (x, 50), 7, (250, 250, 250), -1)
            cv2.circle(picture, (x - 3 + k, 50), 3, (20, 20, 20), -1)
        cv2.ellipse(picture, (64, 92), (16, 2 + 2 * k), 0, 0, 360, (150, 30, 40), -1)
        angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
        images.append(picture)
        points.append(np.stack([64 + 38 * np.cos(angle), 66 + 50 * np.sin(angle)], 1))
    np.savez(folder / "faces.npz", images=np.stack(images), landmarks=np.float32(points))
    about = {
        "subject": f"drawn in {colour}",
        "template": "dfl_whole_face",
        "sources": ["drawn"],
        "licence": "MIT",
        "consent": {
            "kind": "fictional",
            "subject": "nobody",
            "statement": "drawn",
            "date": "2026-01-01",
            "signature": "carried as it is",
        },
    }
    (folder / "faceset.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Many threads for such small layers only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    a = write_faces(tmp_path / "faces" / "a", (220, 180, 160))
    b = write_faces(tmp_path / "faces" / "b", (120, 80, 60))
    return TrainSettings(
        data=(f"a={a}", f"b={b}"),
        out=tmp_path / "run",
        model=TINY,
        steps=20,
        batch=(4,),
        rate=2e-3,
        average=0.8,
        precision="fp32",
    )


def test_twenty_steps_make_the_faces_more_alike(settings: TrainSettings) -> None:
    train(replace(settings, steps=1))
    before = read_checkpoint(settings.out / CHECKPOINT)
    train(replace(settings, resume=True))
    after = read_checkpoint(settings.out / CHECKPOINT)
    assert after.step == 20
    assert sum(after.losses.values()) < 0.9 * sum(before.losses.values())
    assert cv2.imread(str(settings.out / "preview.png")).shape == (6 * 64, 6 * 64, 3)
    lines = (settings.out / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 20]
    assert after.provenance["a"][0]["consent"]["kind"] == "fictional"


def test_a_resumed_run_is_the_run_that_was_never_broken(settings: TrainSettings) -> None:
    whole = train(replace(settings, steps=6))
    part = replace(settings, out=settings.out.with_name("broken"), steps=3)
    train(part)
    broken = train(replace(part, steps=6, resume=True))
    expected = load_file(whole)
    for name, value in load_file(broken).items():
        torch.testing.assert_close(value, expected[name], msg=name)


def test_an_interrupt_saves_the_run(settings: TrainSettings) -> None:
    ticks = iter([0.0, 0.0])

    def clock() -> float:  # two calls before the first step, then Ctrl-C
        try:
            return next(ticks)
        except StopIteration:
            if not (settings.out / CHECKPOINT).exists() and not interrupted:
                interrupted.append(True)
                raise KeyboardInterrupt from None
            return 1.0

    interrupted: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        train(settings, clock=clock)
    assert read_checkpoint(settings.out / CHECKPOINT).step >= 1


def test_it_stops_at_its_goal(settings: TrainSettings) -> None:
    path = train(replace(settings, steps=1000, until="loss=0.15"))
    reached = read_checkpoint(path)
    assert reached.step < 1000
    assert sum(reached.losses.values()) <= 0.15
    with pytest.raises(TrainingError, match="parts of the loss are l1"):
        train(replace(settings, out=settings.out.with_name("other"), until="beauty=1"))


def test_the_step_size_rises_and_falls(settings: TrainSettings) -> None:
    settings = replace(settings, steps=8, warm_up=4, decay="cosine", rate=1e-3)
    training = Training(settings, open_fabric(settings))
    rates = []
    for _ in range(8):
        training.learn()
        rates.append(training.optimisers["model"].param_groups[0]["lr"])
    assert rates[:4] == sorted(rates[:4])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[0] == pytest.approx(1e-3 / 4)
    assert rates[-1] < 1e-4


def test_added_up_batches_move_the_weights_once(settings: TrainSettings) -> None:
    training = Training(replace(settings, accumulate=3), open_fabric(settings))
    training.learn()
    state = training.optimisers["model"].state_dict()["state"]
    assert {int(values["step"]) for values in state.values()} == {1}


class Greedy(SharedAutoencoder):
    """Needs more memory than there is for more than two faces."""

    def losses(self, batches: Mapping[str, Batch], player: str, step: int) -> dict[str, Tensor]:
        if any(len(batch.target) > 2 for batch in batches.values()):
            raise torch.OutOfMemoryError
        return super().losses(batches, player, step)


def test_when_memory_does_not_suffice_batches_are_halved(settings: TrainSettings) -> None:
    settings = replace(settings, batch=(9,))
    training = Training(settings, open_fabric(settings))
    training.model.__class__ = Greedy
    said: list[str] = []
    learn(training, said.append)
    assert training.step == 1
    assert training.counts == (2, 2)
    assert said[-1] == "out of memory: batches have (2, 2) faces from here on"


@pytest.mark.slow
def test_two_processes_learn_one_network(settings: TrainSettings) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["-m", "swapcast.models", "published-64", "--data", *settings.data]
    command += ["--out", str(settings.out), "--batch", "2", "--steps", "3", "--precision", "fp32"]
    command += ["--model.width", "0.0625"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = read_checkpoint(settings.out / CHECKPOINT)
    assert kept.step == 3
    assert len(kept.tensors["random"]) == 2
    assert not torch.equal(*kept.tensors["random"]), "each draws faces of its own"


def test_bf16_learns_too(settings: TrainSettings) -> None:
    path = train(replace(settings, precision="bf16", steps=3))
    assert load_model(read_checkpoint(path)).encoder.fold.weight.dtype == torch.float32


def test_a_new_identity_starts_from_a_trained_encoder(settings: TrainSettings) -> None:
    train(replace(settings, steps=3))
    old = load_model(read_checkpoint(settings.out / CHECKPOINT))
    c = write_faces(settings.out.parent / "faces" / "c", (90, 120, 200))
    further = replace(
        settings,
        data=(settings.data[0], f"c={c}"),
        out=settings.out.with_name("further"),
        start=settings.out,
        steps=1,
        rate=1e-9,
    )
    new = load_model(read_checkpoint(train(further)))
    crop = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            new.swap(crop, "a").face, old.swap(crop, "a").face, atol=1e-5, rtol=0
        )
        assert (new.swap(crop, "c").face - old.swap(crop, "b").face).abs().max() > 1e-3


def test_a_run_is_not_overwritten_nor_resumed_as_another(settings: TrainSettings) -> None:
    train(replace(settings, steps=1))
    with pytest.raises(TrainingError, match="--resume"):
        train(settings)
    wider = replace(settings, model=replace(TINY, width=0.1), resume=True)
    with pytest.raises(CheckpointError, match="another form"):
        train(wider)
    with pytest.raises(CheckpointError, match="other identities"):
        train(replace(settings, data=settings.data[:1], resume=True))


def test_a_damaged_checkpoint_gives_one_clear_error(
    settings: TrainSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = train(replace(settings, steps=1))
    data = bytearray(path.read_bytes())
    data[-5] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="checksum"):
        read_checkpoint(path)
    with pytest.raises(SystemExit) as end:
        train_command(["published-64", "--data", *settings.data, "--out", str(settings.out),
                       "--resume"])  # fmt: skip
    assert str(end.value).startswith("swapcast: ")
    assert "checksum" in str(end.value)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="no checkpoint, or a damaged one"):
        read_checkpoint(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        read_checkpoint(path.with_name("nothing"))
    capsys.readouterr()


def test_the_command_line_takes_presets_and_overrides(tmp_path: Path) -> None:
    line = "live-128 --data a=x,y b=z --out run --model.width 0.5 --augmentation.colour 0.2"
    settings = read_settings(line.split())
    assert settings.model.size == 128
    assert settings.model.width == 0.5
    assert settings.augmentation == Augmentation(colour=0.2)
    assert settings.data == ("a=x,y", "b=z")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("published-64 --data a --out r", "NAME=FOLDER"),
        ("published-64 --data a=/nowhere --out r", "no face set"),
        ("published-64 --data a=x --out r --steps -1", "steps is -1"),
        ("published-64 --data a=x --out r --average 1", "average is 1"),
        ("published-64 --data --out r", "no faces to learn from"),
        ("published-64 --data a=x b=y --out r --batch 1 2 3", "3 numbers for 2"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(line: str, said: str) -> None:
    with pytest.raises(SystemExit) as end:
        train_command(line.split())
    assert said in str(end.value)
    assert "\n" not in str(end.value)
