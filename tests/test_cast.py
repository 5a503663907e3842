"""A cast: a few people's faces in one network, each exported as one of their own."""

import json

import numpy as np
import pytest
import torch

from swapcast.export import cast as export_cast
from swapcast.export.runners import open_runner
from swapcast.models.architectures import load_model
from swapcast.models.augmentation import Augmentation
from swapcast.models.cast import Cast, CastSettings
from swapcast.models.checkpoint import read_checkpoint
from swapcast.models.pair_feed import PairFeed
from swapcast.models.train_run import train
from swapcast.models.train_settings import TrainSettings
from tests.made_pairs import COLOURS, write_set

TINY = CastSettings(
    size=64, widths=(8, 16), blocks=(0, 1), vector=4, people=tuple(COLOURS), window=64
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def run(pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    train(
        TrainSettings(
            out=out,
            data=(str(pairs),),
            model=TINY,
            augmentation=Augmentation(),
            steps=150,
            batch=(6,),
            precision="fp32",
            rate=5e-3,
            average=0.5,
        )
    )
    return out


def middle(faces):
    """Return the mean colour around the middle of faces [n, 3, size, size], 0…255."""
    return 255 * faces[:, :, 24:40, 24:40].mean((2, 3))


@pytest.mark.slow
def test_each_of_them_gives_everybody_their_own_face(pairs, run, tmp_path):
    batch = PairFeed([pairs], TINY.size, Augmentation(), torch.device("cpu")).batch(range(6), None)
    for number, colour in COLOURS.items():
        out = tmp_path / f"{number}.onnx"
        export_cast.main([str(run), "--person", str(number), "--out", str(out)])
        assert json.loads(out.with_suffix(".parity.json").read_text())["passed"]
        with open_runner(out.read_bytes()) as runner:
            crops = [one[None].contiguous().numpy() for one in batch.driver]
            faces = [np.array(runner({"crop": crop})[0]) for crop in crops]
        made = middle(np.concatenate(faces)).mean(0)
        apart = {n: float(np.abs(made - other).mean()) for n, other in COLOURS.items()}
        assert min(apart, key=apart.get) == number, (made, colour)


@pytest.mark.slow
def test_nobody_else_can_be_exported(run, tmp_path):
    with pytest.raises(SystemExit, match="has no identity '0001'; it has 0007, 0008, 0009"):
        export_cast.main([str(run), "--person", "1", "--out", str(tmp_path / "1.onnx")])


@pytest.mark.slow
def test_it_comes_back_as_it_was_kept(run):
    model = load_model(read_checkpoint(run / "checkpoint.safetensors"))
    assert isinstance(model, Cast)
    assert model.identities == ("0007", "0008", "0009")


def test_pairs_of_strangers_are_refused():
    model = Cast(settings=TINY)
    with pytest.raises(ValueError, match=r"the pairs show \[3\], who are not of the cast"):
        model.vectors(torch.tensor([7, 3]))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"people": ()}, "name each person"),
        ({"people": (7, 7)}, "once"),
        ({"channels": 8}, "no portraits"),
    ],
)
def test_settings_that_do_not_fit_are_said(changes, why):
    with pytest.raises(ValueError, match=why):
        CastSettings(**changes)
