"""The network of the first swap model, and what it is told is far and near."""

from dataclasses import replace

import pytest
import torch

from swapcast.models.blocks import Up, init_weights
from swapcast.models.faces import Batch
from swapcast.models.losses import dssim, weighted_l1
from swapcast.models.shared_autoencoder import (
    PRESETS,
    AutoencoderSettings,
    OneIdentity,
    SharedAutoencoder,
)

TINY = AutoencoderSettings(width=1 / 16)


def batch(value: float) -> Batch:
    picture = torch.full((2, 3, 64, 64), value)
    one = torch.ones(2, 1, 64, 64)
    return Batch(picture, picture, one, 0 * one, torch.zeros(2, 7))


@pytest.mark.parametrize("name", PRESETS)
def test_every_size_gives_a_face_and_a_mask_between_0_and_1(name: str) -> None:
    settings = replace(PRESETS[name], width=0.05)
    model = SharedAutoencoder(settings=settings, identities=("a", "b", "c"))
    face, mask = model.swap(torch.rand(2, 3, settings.size, settings.size), "b")
    assert face.shape == (2, 3, settings.size, settings.size)
    assert mask is not None
    assert mask.shape == (2, 1, settings.size, settings.size)
    assert 0 <= face.min() <= face.max() <= 1


def test_the_published_network_has_the_published_layers() -> None:
    with torch.device("meta"):
        model = SharedAutoencoder(settings=AutoencoderSettings(mask=False), identities=("a", "b"))
    shapes = [tuple(value.shape) for value in model.encoder.state_dict().values()][::2]
    assert shapes == [
        (128, 3, 5, 5),
        (256, 128, 5, 5),
        (512, 256, 5, 5),
        (1024, 512, 5, 5),
        (1024, 16384),
        (16384, 1024),
        (2048, 1024, 3, 3),
    ]
    shapes = [tuple(value.shape) for value in model.decoders[0].state_dict().values()][::2]
    assert shapes == [(1024, 512, 3, 3), (512, 256, 3, 3), (256, 128, 3, 3), (3, 64, 5, 5)]


def test_each_identity_has_its_own_decoder_behind_one_encoder() -> None:
    model = SharedAutoencoder(settings=TINY, identities=("a", "b"))
    model.losses({"a": batch(0.3)}, "model", 0)["l1"].backward()
    assert model.encoder.fold.weight.grad is not None
    assert all(p.grad is not None for p in model.decoders[0].parameters())
    assert all(p.grad is None for p in model.decoders[1].parameters())
    crop = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        for name in ("a", "b"):
            assert torch.equal(OneIdentity(model, name)(crop)[0], model.swap(crop, name).face)
        assert not torch.equal(model.swap(crop, "a").face, model.swap(crop, "b").face)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decoder": (8,)}, "as many of each"),
        ({"size": 72}, "multiple of 16"),
        ({"width": 0.0}, "no channels"),
    ],
)
def test_a_form_that_cannot_work_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AutoencoderSettings(**changes)  # type: ignore[arg-type]


def test_the_first_pictures_have_no_grain() -> None:
    up = Up(8, 4)
    init_weights(up)
    picture = up(torch.rand(1, 8, 1, 1).expand(1, 8, 6, 6))
    cells = picture.unflatten(3, (6, 2)).unflatten(2, (6, 2))
    torch.testing.assert_close(cells[:, :, :, 0], cells[:, :, :, 1])
    torch.testing.assert_close(cells[..., 0], cells[..., 1])


def test_l1_counts_the_weighted_pixels_only() -> None:
    made, target = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    target[..., 0] = 0.5
    weight = torch.zeros(1, 1, 2, 2)
    weight[..., 0] = 3
    assert float(weighted_l1(made, target, weight)) == pytest.approx(0.5)
    assert float(weighted_l1(made, target, 0 * weight)) == 0


def test_dssim_is_the_mean_over_windows_worked_out_one_by_one() -> None:
    random = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 1, 1, 9, 11, generator=random)
    total = 0.0
    for row in range(9):
        for column in range(11):
            window = (..., slice(max(0, row - 3), row + 4), slice(max(0, column - 3), column + 4))
            x, y = a[window].flatten().double(), b[window].flatten().double()
            both = ((x - x.mean()) * (y - y.mean())).mean()
            luminance = (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
            structure = (2 * both + 9e-4) / (x.var(correction=0) + y.var(correction=0) + 9e-4)
            total += float(1 - luminance * structure) / 2
    assert float(dssim(a, b, torch.ones_like(a))) == pytest.approx(total / 99, abs=1e-4)
    assert float(dssim(a, a, torch.ones_like(a))) == pytest.approx(0, abs=1e-6)
