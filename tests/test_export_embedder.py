"""An exported identity network says how to use it, and computes what was trained."""

import json

import numpy as np
import pytest
import torch

from swapcast.export.embedder import Export, export
from swapcast.export.parity import ParityError
from swapcast.export.runners import open_runner
from swapcast.models.embedder import Embedder, EmbedderSettings, write_embedder
from swapcast.realtime.embedding import FaceEmbedder
from swapcast.realtime.errors import ModelError
from swapcast.realtime.synthetic import Synthetic

TINY = EmbedderSettings(size=32, widths=(4, 8), blocks=(1, 1), length=8)
POINTS = np.float32([[140, 90], [180, 90], [160, 115], [145, 140], [175, 140]])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("embedder") / "e.safetensors"
    write_embedder(Embedder(TINY).eval(), [{"role": "pictures", "what": "nobody real"}], path)
    return path


def test_the_file_carries_scale_and_provenance_and_a_proof_lies_beside_it(trained, tmp_path):
    out = tmp_path / "e.onnx"
    least = export(Export(embedder=trained, out=out, different=0.3, same=0.6))
    assert min(least.values()) > 0.99
    assert json.loads(out.with_suffix(".parity.json").read_text())["least_cosine"] == least
    with open_runner(out) as runner:
        about = json.loads(runner.metadata["swapcast"])
        assert about["provenance"] == [{"role": "pictures", "what": "nobody real"}]
        embed = FaceEmbedder(runner)
        assert embed.scale == (0.3, 0.6)
        (frame,) = Synthetic(width=320, height=240, seconds=1 / 30).frames()
        vector = embed(frame, POINTS)
        assert vector.shape == (8,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
        with pytest.raises(ModelError, match="where the face is"):
            embed(frame, np.full((5, 2), np.nan, np.float32))


def test_a_scale_that_makes_no_sense_is_refused(trained, tmp_path):
    with pytest.raises(ParityError, match="not below"):
        export(Export(embedder=trained, out=tmp_path / "e.onnx", different=0.6, same=0.3))
    assert not list(tmp_path.iterdir())


class Runs:
    """A network that only says what it is."""

    def __init__(self, metadata, shape=(1, 3, 8, 8)):
        self.metadata, self.shapes = metadata, {"crop": shape}


@pytest.mark.parametrize(
    ("runner", "said"),
    [
        (Runs({}), "does not say"),
        (Runs({"swapcast": '{"kind": "swapper", "template": "ffhq_512"}'}), "no identity network"),
        (Runs({"swapcast": '{"kind": "embedder", "template": "mine"}'}), "no identity network"),
        (
            Runs({"swapcast": '{"kind": "embedder", "template": "ffhq_512"}'}, (1, 1, 8, 8)),
            "takes one picture",
        ),
    ],
)
def test_other_networks_are_refused_in_one_line(runner, said):
    with pytest.raises(ModelError, match=said):
        FaceEmbedder(runner)
