"""The ablation trains variants that differ in one setting, each in a folder of its own."""

from dataclasses import asdict
from pathlib import Path

import pytest

pytest.importorskip("torch")

from swapcast.models.ablation import VARIANTS, Ablation, runs
from swapcast.models.train_settings import TrainingError


def ablation(**changes):
    values = {"data": ("a=faces/a",), "embedder": "e.safetensors", "out": Path("runs")}
    return Ablation(**{**values, **changes})


def test_each_variant_changes_one_thing_and_nothing_else():
    planned = runs(ablation(seeds=(0, 1)))
    assert len({one.out for one in planned}) == len(planned) == 2 * len(VARIANTS)
    assert all(one.resume and one.steps == 20_000 for one in planned)
    first = asdict(planned[0].model)
    for name, one in zip(VARIANTS, planned, strict=False):
        model = asdict(one.model)
        assert model["embedder"] == "e.safetensors"
        assert {k: v for k, v in model.items() if v != first[k]} == dict(VARIANTS[name])
    assert planned[0].out.name == "wFM-0"
    assert {one.seed for one in planned} == {0, 1}


def test_an_unknown_variant_is_named():
    with pytest.raises(TrainingError, match=r"no variant 'xFM'; there are wFM, oFM"):
        runs(ablation(variants=("xFM",)))
