"""A model from elsewhere becomes a face with its licence on record, in the right colours."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from swapcast.realtime.errors import ConsentError, ModelError, SettingError, SwapcastError
from swapcast.realtime.external import Declared, import_model
from swapcast.realtime.face_store import FaceStore, bundled_faces
from swapcast.realtime.swapper import Swapper
from tests.made_consent import ACCEPTED, made_face, made_record
from tests.made_onnx import SIZE, swapper_network, write_dfm


def declared(**changes):
    values = {
        "licence": "CC0, https://example.org/model",
        "subject": "a drawn face",
        "statement": "It is nobody's.",
        "scope": ("live",),
        "expires": "",
        "policy": lambda: ACCEPTED,
    }
    return Declared(**{**values, **changes})


@pytest.fixture
def store(tmp_path):
    return FaceStore(tmp_path / "mine")


def test_a_dfm_is_worn_in_its_colours(store, tmp_path):
    face = import_model(write_dfm(tmp_path / "a.dfm"), "drawn", declared(), store)
    assert store.find("drawn", ["live"]) == face
    assert face.consent.kind == "external"
    assert face.consent.evidence["licence"].startswith("CC0")
    assert face.thumbnail[:2] == b"\xff\xd8"
    with Swapper(face, uses=["live"]) as swap:
        ramp = np.linspace(0.1, 0.9, SIZE, dtype=np.float32)
        swap.crop[0] = (
            ramp * ramp[:, None],
            np.sqrt(ramp) + 0 * ramp[:, None],
            ramp[:, None] + 0 * ramp,
        )
        picture, mask = swap()
        # The file scales blue, green, red; we speak red, green, blue. Its mask is the blue channel.
        for channel, scale in enumerate((1.0, 0.5, 0.25)):
            np.testing.assert_allclose(picture[channel], swap.crop[0, channel] * scale, rtol=1e-6)
        np.testing.assert_allclose(mask, swap.crop[0, 2], rtol=1e-6)
    with pytest.raises(ConsentError, match="not for recording"):
        store.find("drawn", ["recording"])


def test_the_morph_value_is_fixed(store, tmp_path):
    path = write_dfm(tmp_path / "a.dfm", morph=True)
    face = import_model(path, "drawn", declared(), store, morph=0.25)
    with Swapper(face, uses=["live"]) as swap:
        swap.crop[:] = 1
        assert swap()[0][0, 5, 5] == pytest.approx(0.25)
    with pytest.raises(SettingError, match="--morph is 2"):
        import_model(path, "other", declared(), store, morph=2)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"licence": " "}, "under which licence"),
        ({"subject": ""}, "names no subject"),
        ({"statement": ""}, "no statement"),
        ({"scope": ()}, "scope is empty"),
        ({"expires": "2001-01-01"}, "ended on"),
    ],
)
def test_nothing_is_taken_in_without_a_declaration(store, tmp_path, change, why):
    with pytest.raises(ConsentError, match=why):
        import_model(write_dfm(tmp_path / "a.dfm"), "drawn", declared(**change), store)
    assert store.names() == bundled_faces()


def test_a_model_of_ours_keeps_the_record_it_carries(store, tmp_path):
    path = tmp_path / "bo.onnx"
    record = made_record(key=store.key)
    row = {"subject": "Bo", "consent": record.plain()}
    path.write_bytes(swapper_network({"provenance": {"identity": [row]}}))
    assert import_model(path, "bo", declared(), store).consent == record
    # A licence that the user declares does not take the record's place.
    for provenance in ({}, {"identity": []}, {"identity": [{"subject": "Bo"}]}):
        path.write_bytes(swapper_network({"provenance": provenance}))
        with pytest.raises(ConsentError, match="no consent record"):
            import_model(path, "bo", declared(), store)
    path.write_bytes(swapper_network())
    with pytest.raises(ConsentError, match="nothing of where it comes from"):
        import_model(path, "bo", declared(), store)


def test_what_is_no_swapper_of_a_known_convention_is_refused(store, tmp_path):
    path = tmp_path / "model.onnx"
    for data in (b"", b"no model", b"\x08\x0a" * 50):
        path.write_bytes(data)
        with pytest.raises(ModelError, match=r"model\.onnx is no ONNX model"):
            import_model(path, "drawn", declared(), store)
    model = onnx.load_model_from_string(swapper_network())
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"no convention that is taken in.*takes crop and gives"):
        import_model(path, "drawn", declared(), store)
    write_dfm(path, side=16)
    with pytest.raises(ModelError, match="pictures of"):
        import_model(path, "drawn", declared(), store)
    with pytest.raises(SwapcastError, match="plain name"):
        import_model(path, "../drawn", declared(), store)
    with pytest.raises(ModelError, match="cannot be read"):
        import_model(tmp_path / "missing", "drawn", declared(), store)


def test_weights_in_other_files_are_refused(store, tmp_path):
    secret = Path(tmp_path / "secret.txt")
    secret.write_bytes(b"x" * 4096)
    model = onnx.load(write_dfm(tmp_path / "a.dfm"))
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.extend(
        [onnx.StringStringEntryProto(key="location", value="../secret.txt")]
    )
    (tmp_path / "b.dfm").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"other files|no ONNX model"):
        import_model(tmp_path / "b.dfm", "drawn", declared(), store)


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_a_pack_whose_weights_lie_elsewhere_is_not_loaded(tmp_path, monkeypatch, provider):
    if provider == "openvino":
        pytest.importorskip("openvino")
    monkeypatch.chdir(tmp_path)
    Path("secret").write_bytes(np.array([0.25], np.float32).tobytes())
    model = onnx.load_model_from_string(swapper_network())
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.extend([onnx.StringStringEntryProto(key="location", value="secret")])
    face = made_face(network=model.SerializeToString())
    with pytest.raises(ModelError, match="weights in other files"):
        Swapper(face, provider, uses=["live"])


def test_a_damaged_description_is_refused(store, tmp_path):
    model = onnx.load_model_from_string(swapper_network())
    helper.set_model_props(model, {"swapcast": "{"})
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(ModelError, match="description is damaged"):
        import_model(tmp_path / "a.onnx", "drawn", declared(), store)
    assert store.names() == bundled_faces()
