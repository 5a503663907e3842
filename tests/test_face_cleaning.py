"""Which faces of a set are left out as somebody else's, and what the page shows."""

import numpy as np
import pytest

from swapcast.realtime.face_cleaning import clean, packed, strangers, unpacked, write_page

SCALE = (0.5, 0.68)


def people(counts, spread=0.35, seed=0):
    """Vectors of several people, as many pictures of each as is said."""
    rng = np.random.default_rng(seed)
    rows = []
    for count in counts:
        middle = rng.normal(size=64)
        middle /= np.linalg.norm(middle)
        around = rng.normal(size=(count, 64)) / 8
        rows.append(middle + spread * around)
    vectors = np.concatenate(rows).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_vector_comes_back_as_it_was_but_for_its_last_digits():
    (vector,) = people([1])
    np.testing.assert_allclose(unpacked(packed(vector)), vector, atol=1e-3)


def test_the_few_pictures_of_others_are_found():
    found = strangers(people([40, 3, 2]), SCALE)
    assert found.tolist() == [False] * 40 + [True] * 5


def test_one_person_alone_stays_whole():
    assert not strangers(people([25]), SCALE).any()


def test_nobody_is_left_out_of_a_handful_or_where_all_differ():
    assert not strangers(people([2, 1]), SCALE).any()
    assert not strangers(people([1] * 12), SCALE).any()


@pytest.mark.parametrize("number", [0, 1])
def test_who_is_left_out_is_moved_listed_and_shown(tmp_path, number):
    names = [f"clip-{k:06d}.jpg" for k in range(12)]
    for name in names:
        (tmp_path / name).write_bytes(b"picture")
    vectors = people([10, 2], seed=number)
    pairs = zip(names, vectors, strict=True)
    crops = {name: {"vector": packed(vector)} for name, vector in pairs}
    manifest = {"subject": "<Bo>", "crops": crops}
    assert clean(tmp_path, manifest, SCALE) == 2
    assert sorted(manifest["crops"]) == names[:10]
    assert sorted(manifest["left_out"]) == names[10:]
    assert sorted(path.name for path in (tmp_path / "left-out").iterdir()) == names[10:]
    write_page(tmp_path, manifest)
    page = (tmp_path / "faces.html").read_text()
    assert "&lt;Bo&gt;: 10 faces kept, 2 left out" in page
    assert "<Bo>" not in page
    assert page.count("left-out/clip") == 2
    assert page.count("<figure>") == 12
    assert clean(tmp_path, manifest, SCALE) == 0


def test_a_set_without_vectors_stays_as_it_is(tmp_path):
    manifest = {"subject": "Bo", "crops": {"a.jpg": {"sharpness": 1.0}}}
    assert clean(tmp_path, manifest, SCALE) == 0
    assert manifest["crops"]
