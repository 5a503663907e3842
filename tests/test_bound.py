"""Kept buffers answer as a plain call does; here in the processor's memory, for want of a GPU."""

from importlib import resources

import numpy as np
import onnxruntime

from swapcast.export.bound import Bound, is_fixed
from swapcast.realtime.consent import uses_of
from swapcast.realtime.face_store import face_store
from swapcast.realtime.student import network_of


def session(model):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def test_kept_buffers_give_what_a_plain_call_gives_for_each_picture():
    face = face_store().find("demo", uses_of(["null"]))
    network = session(network_of(face))
    assert is_fixed(network)
    bound, random = Bound(network, "cpu"), np.random.default_rng(0)
    for _ in range(2):
        inputs = {
            value.name: random.random(value.shape, np.float32) for value in network.get_inputs()
        }
        for kept, plain in zip(bound(inputs), network.run(None, inputs), strict=True):
            np.testing.assert_array_equal(kept, plain)


def test_a_network_that_takes_pictures_of_any_size_keeps_no_buffers():
    detector = resources.files("swapcast.assets") / "detector.onnx"
    assert not is_fixed(session(detector.read_bytes()))
