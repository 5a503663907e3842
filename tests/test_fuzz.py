"""A few hundred damaged files for every parser; `tests/fuzz_parsers.py` feeds hundred thousands."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz_targets import TARGETS, feed, make_target

NEEDS = {
    "checkpoint": "torch",
    "faceset": "torch",
    "shard": "torch",
    "model": "onnx",
    "onnx": "onnx",
    "pack": "onnx",
    "manifest": "c2pa",
}
EMPTY = {"toml", "toml-line", "look"}  # nothing, and a comment, are whole files of these


@pytest.mark.parametrize("name", TARGETS)
def test_the_undamaged_file_is_taken(name, capsys):
    pytest.importorskip(NEEDS.get(name, "json"))
    target = make_target(name)
    assert all(feed(target, seed) for seed in target.seeds)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_taken_unchanged_or_refused_in_one_line(name, capsys):
    pytest.importorskip(NEEDS.get(name, "json"))
    target, rng = make_target(name), random.Random(7)
    taken = [feed(target, target.change(rng, rng.choice(target.seeds))) for _ in range(100)]
    assert not all(taken)


@given(data=st.binary(max_size=200))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", [name for name in TARGETS if name not in EMPTY])
def test_other_files_are_refused(name, data):
    pytest.importorskip(NEEDS.get(name, "json"))
    assert not feed(make_target(name), data)
