"""Who is who: the network's form, its loss, and its file."""

import math

import pytest
import torch

from swapcast.models.embedder import (
    AngularMargin,
    Embedder,
    EmbedderError,
    EmbedderSettings,
    read_embedder,
    write_embedder,
)

TINY = EmbedderSettings(size=32, widths=(4, 8), blocks=(1, 1), length=8)


def test_it_has_fewer_than_two_million_parameters():
    embedder = Embedder(EmbedderSettings())
    assert sum(weight.numel() for weight in embedder.parameters()) < 2e6


def test_vectors_have_length_one_whatever_the_size_of_the_crop():
    embedder = Embedder(TINY).eval()
    for side in (32, 48, 20):
        vectors = embedder(torch.rand(3, 3, side, side))
        assert vectors.shape == (3, 8)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_the_margin_makes_the_task_harder_by_so_many_radians():
    loss = AngularMargin(2, 2, margin=0.3, scale=10.0)
    loss.centres.data = torch.eye(2)
    vectors = torch.tensor([[math.cos(0.5), math.sin(0.5)]])
    expected = torch.nn.functional.cross_entropy(
        10 * torch.tensor([[math.cos(0.8), math.sin(0.5)]]), torch.tensor([0])
    )
    torch.testing.assert_close(loss(vectors, torch.tensor([0])), expected)


def test_the_loss_grows_with_the_angle_all_the_way():
    loss = AngularMargin(2, 2)
    loss.centres.data = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    angles = torch.linspace(0.01, math.pi - 0.01, 60)
    values = [
        float(loss(torch.stack([angle.cos(), angle.sin()])[None], torch.tensor([0])).detach())
        for angle in angles
    ]
    assert values == sorted(values)


def test_it_learns_to_tell_three_colours_apart():
    torch.manual_seed(0)
    embedder, loss = Embedder(TINY), AngularMargin(3, 8, scale=8.0)
    optimiser = torch.optim.Adam([*embedder.parameters(), *loss.parameters()], lr=1e-2)
    people = torch.arange(24) % 3
    crops = torch.eye(3)[people][:, :, None, None] * 0.5 + 0.5 * torch.rand(24, 3, 32, 32)
    for _ in range(30):
        optimiser.zero_grad()
        loss(embedder(crops), people).backward()
        optimiser.step()
    alike = (vectors := embedder.eval()(crops)) @ vectors.mT
    same = people[:, None] == people
    assert alike[same].min() > alike[~same].max()


def test_a_file_comes_back_as_it_was_and_says_what_it_was_made_from(tmp_path):
    embedder, path = Embedder(TINY).eval(), tmp_path / "e.safetensors"
    write_embedder(embedder, [{"subject": "nobody", "licence": "MIT"}], path)
    again, provenance = read_embedder(path)
    crops = torch.rand(2, 3, 32, 32)
    assert torch.equal(again(crops), embedder(crops))
    assert provenance == [{"subject": "nobody", "licence": "MIT"}]
    assert not any(weight.requires_grad for weight in again.parameters())


@pytest.mark.parametrize("content", [b"", b"x" * 100, None])
def test_what_is_no_embedder_is_said(content, tmp_path):
    path = tmp_path / "e.safetensors"
    if content is None:
        write_embedder(Embedder(TINY), [], path)
        content = path.read_bytes()[:-50]
    path.write_bytes(content)
    with pytest.raises(EmbedderError, match="no embedder, or a damaged one"):
        read_embedder(path)
    with pytest.raises(EmbedderError, match="no embedder at"):
        read_embedder(tmp_path / "nothing")
