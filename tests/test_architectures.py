"""Every swap network there is, in miniature: it learns, is kept, exported, and swaps live."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from swapcast.export.to_onnx import export
from swapcast.models.architectures import ARCHITECTURES, READY, make
from swapcast.models.checkpoint import read_checkpoint
from swapcast.models.conditional_autoencoder import ConditionalSettings
from swapcast.models.shared_autoencoder import AutoencoderSettings
from swapcast.models.train_run import train
from swapcast.models.train_settings import TrainSettings
from swapcast.realtime.swapper import Swapper
from tests.made_consent import made_face
from tests.test_training import write_faces

TINY = {
    "deepfakes": AutoencoderSettings(width=1 / 16, mask=False),
    "masked": AutoencoderSettings(width=1 / 16),
    "conditional": ConditionalSettings(
        encoder=(8, 8, 8, 8), latent=8, decoder=(8, 8, 8, 8), dssim=0.1
    ),
}
ALL = pytest.mark.parametrize("name", TINY)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("faces")
    colours = {"a": (220, 180, 160), "b": (120, 80, 60), "c": (90, 120, 200)}
    return {name: write_faces(root / name, colour) for name, colour in colours.items()}


def settings_for(name, folders, out, **changes):
    values = {"steps": 2, "batch": (2,), "precision": "fp32", "rate": 2e-3, "average": 0.5}
    data = tuple(f"{k}={v}" for k, v in folders.items())
    return TrainSettings(data=data, out=out, model=TINY[name], **{**values, **changes})


def test_the_miniatures_are_of_every_architecture():
    assert {type(settings) for settings in TINY.values()} == set(ARCHITECTURES)
    assert {type(preset.settings) for preset in READY.values()} == set(ARCHITECTURES)


@ALL
def test_it_learns(name, folders, tmp_path):
    train(settings_for(name, folders, tmp_path / "run", steps=3))
    before = read_checkpoint(tmp_path / "run" / "checkpoint.safetensors").losses
    train(settings_for(name, folders, tmp_path / "run", steps=40, resume=True))
    after = read_checkpoint(tmp_path / "run" / "checkpoint.safetensors").losses
    assert after["l1"] < 0.9 * before["l1"]


@ALL
def test_a_resumed_run_is_the_run_that_was_never_broken(name, folders, tmp_path):
    whole = train(settings_for(name, folders, tmp_path / "whole", steps=4))
    train(settings_for(name, folders, tmp_path / "broken"))
    torch.manual_seed(99)  # another program's chance in between
    broken = train(settings_for(name, folders, tmp_path / "broken", steps=4, resume=True))
    expected = load_file(whole)
    for key, value in load_file(broken).items():
        torch.testing.assert_close(value, expected[key], msg=key)


@ALL
def test_it_is_exported_with_parity_and_swaps_a_crop(name, folders, tmp_path):
    train(settings_for(name, folders, tmp_path / "run"))
    exported = export(tmp_path / "run", "b", precision="fp32")
    assert exported.parity.passed
    assert exported.about["architecture"] == make(TINY[name], ("a",)).architecture
    assert len(exported.parity.differences) >= 1
    with Swapper(made_face(network=exported.network), uses={"live"}) as swap:
        swap.crop[:] = np.random.default_rng(0).random(swap.crop.shape, np.float32)
        face, mask = swap()
    assert face.shape == (3, 64, 64)
    assert 0 <= face.min() <= face.max() <= 1
    assert (mask is None) == (name == "deepfakes")


@ALL
def test_another_identity_is_another_face(name):
    model = make(TINY[name], ("a", "b"))
    crops = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        a, b = model.swap(crops, "a").face, model.swap(crops, "b").face
        assert not torch.equal(a, b)
        torch.testing.assert_close(
            model.swapper("b")(crops[:1])[0], model.swap(crops[:1], "b").face
        )


@ALL
def test_a_run_starts_from_another(name):
    old, new = make(TINY[name], ("a", "b")), make(TINY[name], ("a", "b"))
    new.begin_with(old)
    crop = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(old.swap(crop, "a").face, new.swap(crop, "a").face)
    other = make(next(s for n, s in TINY.items() if type(s) is not type(TINY[name])), ("a", "b"))
    with pytest.raises(TypeError, match="it is a"):
        new.begin_with(other)


def test_faces_are_sampled_by_chance():
    model = make(TINY["conditional"], ("a", "b"))
    wished = torch.zeros(3, 7)
    made = model.sample("a", wished, torch.Generator().manual_seed(1))
    assert made.face.shape == (3, 3, 64, 64)
    assert not torch.equal(made.face[0], made.face[1]), "by chance"
    again = model.sample("a", wished, torch.Generator().manual_seed(1))
    assert torch.equal(made.face, again.face), "the same chance"


def test_settings_that_do_not_fit_are_said():
    with pytest.raises(ValueError, match="as many of each"):
        dataclasses.replace(TINY["conditional"], decoder=(8, 8))
    with pytest.raises(ValueError, match="multiple of 16"):
        dataclasses.replace(TINY["conditional"], size=72)
