"""A training that begins with the bundled network, and what is said of the faces it is given."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
torch = pytest.importorskip("torch")

from swapcast.export.runners import open_runner  # noqa: E402
from swapcast.models.attributes import NAMES  # noqa: E402
from swapcast.models.bundled_face import load_base  # noqa: E402
from swapcast.models.checkpoint import CheckpointError  # noqa: E402
from swapcast.models.coverage import LEAST, advise, cover  # noqa: E402
from swapcast.models.shared_autoencoder import PRESETS, SharedAutoencoder  # noqa: E402
from swapcast.models.train_run import eta, open_fabric  # noqa: E402
from swapcast.models.train_settings import TrainSettings  # noqa: E402
from swapcast.models.training import Training  # noqa: E402
from swapcast.realtime.face_store import face_store  # noqa: E402
from tests.test_training import write_faces  # noqa: E402


def test_the_base_is_the_bundled_face():
    base = load_base()
    crop = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        made = base.swap(crop, base.identities[0])
    pack = face_store().find("demo", {"live"})
    with open_runner(pack.network) as runner:
        face, mask = runner({"crop": crop.numpy()})
    assert abs(face - made.face.numpy()).max() < 1e-3
    assert abs(mask - made.mask.numpy()).max() < 1e-3


def test_every_new_identity_begins_with_what_the_base_has_learned(tmp_path):
    faces = {name: write_faces(tmp_path / name, (200, 160, 140)) for name in ("ada", "bo")}
    settings = TrainSettings(
        data=tuple(f"{name}={folder}" for name, folder in faces.items()),
        out=tmp_path / "run",
        model=PRESETS["live-128"],
        batch=(1,),
        precision="fp32",
        start=Path("base"),
        steps=220,
    )
    training = Training(settings, open_fabric(settings))
    base = load_base().state_dict()
    for name, value in training.model.state_dict().items():
        place = name.replace("decoders.1.", "decoders.0.")
        torch.testing.assert_close(value, base[place], msg=name)
    told = training.checkpoint().provenance
    assert {"ada", "bo", "before: demo", "before: everyone"} == set(told)
    assert told["before: demo"][0]["consent"]["kind"] == "fictional"
    training.step = 20
    assert eta(training, 60.0, 0).startswith("3 s a step: 220 steps are done in about 10 minutes")
    other = dataclasses.replace(settings, model=PRESETS["published-64"])
    with pytest.raises(CheckpointError, match="train live-128 --start base"):
        Training(other, open_fabric(other))


def test_a_decoder_that_is_known_is_kept_and_others_begin_anew():
    form = dataclasses.replace(PRESETS["published-64"], width=1 / 16)
    old, new = (SharedAutoencoder(settings=form, identities=n) for n in (("a",), ("a", "b")))
    before = new.decoders[1].out.weight.clone()
    new.begin_with(old)
    assert torch.equal(new.decoders[0].out.weight, old.decoders[0].out.weight)
    assert torch.equal(new.decoders[1].out.weight, before)


def lively(count=400):
    """Return attributes of somebody who does everything now and then."""
    found = np.tile(np.float32([0, 0.45, 0.02, 0.8, 0.3, 0, 0]), (count, 1))
    done = [("yaw", -0.3), ("yaw", 0.3), ("pitch", 0.3), ("pitch", 0.6), ("mouth", 0.3)]
    for k, (name, value) in enumerate([*done, ("smile", 0.95), ("eyes", 0.05)]):
        found[20 * k : 20 * k + 20, NAMES.index(name)] = value
    return found


def test_faces_that_show_everything_will_do():
    assert cover(lively()).verdict == "good enough"
    assert advise([("ada", lively())]) == ["ada: 400 faces, good enough"]


@pytest.mark.parametrize(
    ("name", "plain", "lacks"),
    [
        ("yaw", 0.0, ["looking left", "looking right"]),
        ("mouth", 0.01, ["mouth open"]),
        ("eyes", 0.3, ["eyes shut"]),
        ("smile", 0.8, ["a broad smile"]),
    ],
)
def test_what_a_face_never_does_is_asked_for(name, plain, lacks):
    found = lively()
    found[:, NAMES.index(name)] = plain
    assert cover(found).missing == tuple(lacks)
    assert cover(found).verdict == f"more data needed: {', '.join(lacks)}"


def test_a_few_faces_are_too_few():
    assert cover(lively()[: LEAST - 50]).verdict.startswith("more data needed: 50 more faces")
