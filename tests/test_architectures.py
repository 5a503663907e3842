"""Every swap network there is, in miniature: it learns, is kept, exported, and swaps live."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from swapcast.export.runners import open_runner
from swapcast.export.to_onnx import export
from swapcast.models.architectures import ARCHITECTURES, READY, make
from swapcast.models.checkpoint import read_checkpoint
from swapcast.models.conditional_autoencoder import ConditionalSettings
from swapcast.models.conditional_gan import GanSettings
from swapcast.models.embedder import Embedder, write_embedder
from swapcast.models.fader_net import FaderSettings
from swapcast.models.shared_autoencoder import AutoencoderSettings
from swapcast.models.simswap import RECOGNISER, SimSwap, SimSwapSettings
from swapcast.models.train_run import open_fabric, train
from swapcast.models.train_settings import TrainingError, TrainSettings
from swapcast.models.training import Training
from swapcast.realtime.errors import SettingError
from swapcast.realtime.swapper import Swapper
from tests.made_consent import made_face
from tests.test_training import write_faces

TINY = {
    "deepfakes": AutoencoderSettings(width=1 / 16, mask=False),
    "masked": AutoencoderSettings(width=1 / 16),
    "conditional": ConditionalSettings(
        encoder=(8, 8, 8, 8), latent=8, decoder=(8, 8, 8, 8), dssim=0.1
    ),
    "gan": GanSettings(
        noise=4, generator=(8, 8, 8, 8), judge=(8, 8, 8, 8), reader=(8, 8, 8, 8), penalty_every=2
    ),
    "simswap": SimSwapSettings(size=64, widths=(4, 8, 8), blocks=2, judge=(8, 8)),
    "fader": FaderSettings(encoder=(8, 8, 8, 8), decoder=(8, 8, 8), dssim=0.1, schedule=20),
}
ALL_SLIDERS = {"fader": ("light_side", "light_top", "smile")}
ALL = pytest.mark.parametrize("name", TINY)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, embedder):
    root = tmp_path_factory.mktemp("faces")
    colours = {"a": (220, 180, 160), "b": (120, 80, 60), "c": (90, 120, 200)}
    made = {name: write_faces(root / name, colour) for name, colour in colours.items()}
    return {**made, "embedder": embedder}


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """Return the file of an embedder that has learned nothing."""
    path = tmp_path_factory.mktemp("embedder") / "embedder.safetensors"
    torch.manual_seed(3)
    write_embedder(Embedder(RECOGNISER), [{"subject": "nobody"}], path)
    return path


def settings_for(name, folders, out, **changes):
    model = TINY[name]
    if isinstance(model, SimSwapSettings):
        model = dataclasses.replace(model, embedder=str(folders["embedder"]))
    values = {"steps": 2, "batch": (2,), "precision": "fp32", "rate": 2e-3, "average": 0.5}
    data = tuple(f"{k}={folders[k]}" for k in "abc")
    return TrainSettings(data=data, out=out, model=model, **{**values, **changes})


def test_the_miniatures_are_of_every_architecture():
    """The student gives no named identities: see test_student.py."""
    assert {type(settings) for settings in TINY.values()} == {
        kind for kind in ARCHITECTURES if not kind.pairs
    }
    assert {type(preset.settings) for preset in READY.values()} == set(ARCHITECTURES)


@pytest.mark.slow
@ALL
def test_it_learns(name, folders, tmp_path):
    train(settings_for(name, folders, tmp_path / "run", steps=3))
    before = read_checkpoint(tmp_path / "run" / "checkpoint.safetensors").losses
    train(settings_for(name, folders, tmp_path / "run", steps=40, resume=True))
    after = read_checkpoint(tmp_path / "run" / "checkpoint.safetensors").losses
    part = {"gan": "reading", "simswap": "reconstruction"}.get(name, "l1")
    assert after[part] < 0.9 * before[part]


@pytest.mark.slow
@ALL
def test_a_resumed_run_is_the_run_that_was_never_broken(name, folders, tmp_path):
    whole = train(settings_for(name, folders, tmp_path / "whole", steps=4))
    train(settings_for(name, folders, tmp_path / "broken"))
    torch.manual_seed(99)  # another program's chance in between
    broken = train(settings_for(name, folders, tmp_path / "broken", steps=4, resume=True))
    expected = load_file(whole)
    for key, value in load_file(broken).items():
        torch.testing.assert_close(value, expected[key], msg=key)


@pytest.mark.slow
@ALL
def test_it_is_exported_with_parity_and_swaps_a_crop(name, folders, tmp_path):
    train(settings_for(name, folders, tmp_path / "run"))
    exported = export(tmp_path / "run", "b", precision="fp32")
    assert exported.parity.passed
    assert exported.about["architecture"] == make(TINY[name], ("a",)).architecture
    assert len(exported.parity.differences) >= 1
    # The live loop takes it; what so small a network makes is no face that it would show.
    swapper = Swapper(made_face(network=exported.network), uses={"live"})
    assert swapper.sliders == ALL_SLIDERS.get(name, ())
    outputs = {difference.output for difference in exported.parity.differences}
    bare = {"deepfakes", "gan", "simswap"}
    assert outputs == ({"face"} if name in bare else {"face", "mask"})


def told_apart(model):
    """Give a SimSwap network two vectors, as a training takes them from the faces."""
    if isinstance(model, SimSwap):
        model.vectors.copy_(torch.nn.functional.normalize(torch.randn_like(model.vectors), dim=1))


@ALL
def test_another_identity_is_another_face(name):
    model = make(TINY[name], ("a", "b")).eval()
    told_apart(model)
    crops = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        a, b = model.swap(crops, "a").face, model.swap(crops, "b").face
        assert not torch.equal(a, b)
        sliders = [torch.zeros(1, len(model.sliders))] if model.sliders else []
        baked = model.swapper("b")(crops[:1], *sliders)[0]
        torch.testing.assert_close(baked, model.swap(crops[:1], "b").face)


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


@pytest.mark.slow
def test_a_slider_changes_the_face_and_goes_through_the_export(folders, tmp_path):
    train(settings_for("fader", folders, tmp_path / "run", steps=20))
    exported = export(tmp_path / "run", "b", precision="fp32")
    crop = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    with open_runner(exported.network, "cpu") as runner:
        still, lit = (
            np.array(runner({"crop": crop, "sliders": np.float32([[light, 0, 0]])})[0])
            for light in (0, 3)
        )
    assert np.abs(lit - still).max() > 1e-3
    swapper = Swapper(made_face(network=exported.network), uses={"live"})
    swapper.slide("light_side", -2)
    with pytest.raises(SettingError, match="no slider 'beauty'; it has: light_side, light_top"):
        swapper.slide("beauty", 1)
    with pytest.raises(SettingError, match="from -3 to 3"):
        swapper.slide("smile", 7)


def test_the_adversary_comes_in_along_its_schedule(folders, tmp_path):
    settings = settings_for("fader", folders, tmp_path / "run")
    training = Training(settings, open_fabric(settings))
    weights = []
    for _ in range(25):
        training.learn()
        weights.append(training.losses["adversary"])
    assert weights[0] == 0
    assert weights[-1] > weights[5] > 0


@pytest.mark.parametrize("matching", ["weak", "full", "none"])
def test_feature_matching_asks_for_the_layers_it_names(matching, folders, tmp_path):
    settings = settings_for("simswap", folders, tmp_path / matching)
    judge = dataclasses.replace(settings.model, matching=matching, judge=(8, 8, 8, 8))
    training = Training(dataclasses.replace(settings, model=judge), open_fabric(settings))
    training.learn()
    assert ("features" in training.losses) == (matching != "none")
    model = training.model
    crops = torch.rand(2, 3, 64, 64)
    seen = model.answers(crops)
    assert len(seen) == 2
    assert len(seen[0]) == 5, "every layer and the judgement"
    assert float(model.unlike(seen, crops).detach()) == 0


def test_simswap_wants_its_embedder(folders, tmp_path):
    settings = settings_for("simswap", folders, tmp_path / "run")
    bare = dataclasses.replace(settings, model=TINY["simswap"])
    with pytest.raises(TrainingError, match=r"--model\.embedder"):
        train(bare)
    lost = dataclasses.replace(settings.model, embedder="nowhere.safetensors")
    with pytest.raises(TrainingError, match="no embedder at nowhere"):
        train(dataclasses.replace(settings, model=lost))


def test_settings_that_do_not_fit_are_said():
    with pytest.raises(ValueError, match="as many of each"):
        dataclasses.replace(TINY["conditional"], decoder=(8, 8))
    with pytest.raises(ValueError, match="multiple of 16"):
        dataclasses.replace(TINY["conditional"], size=72)
