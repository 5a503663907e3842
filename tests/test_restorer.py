"""A face restorer of the user's own: what is no restorer is refused, and no old face is pasted."""

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from swapcast.export.runners import open_runner
from swapcast.kernels.geometry import TEMPLATES
from swapcast.kernels.restore import add_where, alike, mean_cells
from swapcast.realtime.errors import ModelError
from swapcast.realtime.restorer import Restorer, RestorerNet

SIZE, SIDE = 96, 128
POINTS = (TEMPLATES["dfl_whole_face"] * SIZE).astype(np.float32)


def write_network(path, side=SIDE, inputs=1, out_side=None, gain=1.0, shift=0.2):
    """A restorer that makes every face a little lighter: y = gain x + shift, in -1…1."""
    value, shape = helper.make_tensor_value_info, [1, 3, side, side]
    nodes = [helper.make_node("Mul", ["input", "gain"], ["more"])]
    last = "output" if out_side is None else "whole"
    nodes.append(helper.make_node("Add", ["more", "shift"], [last]))
    weights = [
        numpy_helper.from_array(np.array([gain], np.float32), "gain"),
        numpy_helper.from_array(np.array([shift], np.float32), "shift"),
    ]
    given = [value("input", TensorProto.FLOAT, shape)]
    if inputs > 1:
        given.append(value("weight", TensorProto.FLOAT, [1]))
    end = shape
    if out_side is not None:
        end = [1, 3, out_side, out_side]
        places = np.array([[0, 0], [out_side, out_side]], np.int64)
        weights += [numpy_helper.from_array(row, f"at{k}") for k, row in enumerate(places)]
        weights.append(numpy_helper.from_array(np.array([2, 3], np.int64), "axes"))
        nodes.append(helper.make_node("Slice", ["whole", "at0", "at1", "axes"], ["output"]))
    graph = helper.make_graph(
        nodes, "restorer", given, [value("output", TensorProto.FLOAT, end)], weights
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


def face(seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.3, 0.6, (3, 6, 6)).astype(np.float32)
    return np.ascontiguousarray(np.kron(coarse, np.ones((SIZE // 6, SIZE // 6), np.float32)))


def settled(restorer, crop, frames=400):
    """Show a face until something is added to it."""
    for _ in range(frames):
        made = restorer(1, crop, POINTS)
        if made is not crop:
            return made
        time.sleep(0.01)
    raise AssertionError("nothing was ever added")


MIDDLE = np.s_[:, 30:70, 30:70]


@pytest.mark.parametrize("detached", [True, False])
def test_what_a_restorer_changes_is_added(tmp_path, detached):
    net = RestorerNet(write_network(tmp_path / "lighter.onnx"))
    with Restorer(net, detached=detached) as restorer:
        made = settled(restorer, face())
    np.testing.assert_allclose((made - face())[MIDDLE], 0.1, atol=0.005)


def test_no_change_is_larger_than_a_restorer_may_make(tmp_path):
    net = RestorerNet(write_network(tmp_path / "white.onnx", gain=0.0, shift=1.0))
    with Restorer(net, detached=False) as restorer:
        made = settled(restorer, face())
    assert (made - face()).max() <= 0.2 + 1e-6


def test_an_old_face_is_never_put_on_one_that_has_changed(tmp_path):
    net = RestorerNet(write_network(tmp_path / "lighter.onnx"))
    with Restorer(net) as restorer:
        settled(restorer, face())
        other = face(1)  # another expression, all over: what was kept is let go
        assert restorer(1, other, POINTS) is other
    with Restorer(net, detached=False) as restorer:
        settled(restorer, face())
        talking = face()
        talking[:, 64:80, 32:64] += 0.3  # only the mouth has changed
        made = restorer(1, talking, POINTS)
        gap = made - talking
        assert np.abs(gap[:, 66:78, 34:62]).max() < 0.01
        np.testing.assert_allclose(gap[:, 20:40, 30:70], 0.1, atol=0.005)


class Tires:
    """A runner that computes so many calls, and fails from then on."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self, model, provider, *, threads):
        self.inner = open_runner(model, provider, threads=threads)
        return self.Once(self)

    class Once:
        def __init__(self, outer):
            self._outer, self._inner = outer, outer.inner
            self.provider, self.precision = self._inner.provider, self._inner.precision
            self.shapes, self.metadata = self._inner.shapes, self._inner.metadata

        def __call__(self, inputs):
            self._outer.left -= 1
            if self._outer.left < 0:
                raise RuntimeError("out of memory")
            return self._inner(inputs)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass


def test_what_is_old_is_let_go_and_a_failure_is_told_once(tmp_path):
    told = []
    tires = Tires(2)  # the trial, and one face
    net = RestorerNet(write_network(tmp_path / "lighter.onnx"), open_network=tires)
    with Restorer(net, detached=False, on_event=told.append) as restorer:
        crop = face()
        added = [restorer(1, crop, POINTS) is not crop for _ in range(120)]
        assert restorer(2, crop, POINTS) is crop  # what was made for one face is not another's
    assert sum(added) == 91
    assert all(added[:91])
    assert len(told) == 1
    assert "not restored now" in told[0]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"inputs": 2}, "is no face restorer: it takes"),
        ({"out_side": 64}, "is no face restorer: it gives"),
        ({"side": 32}, "is no face restorer: it takes"),
    ],
)
def test_what_is_no_restorer_is_refused_in_one_line(tmp_path, settings, says):
    path = write_network(tmp_path / "odd.onnx", **settings)
    with pytest.raises(ModelError, match=says) as caught:
        RestorerNet(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="no face restorer at"):
        RestorerNet(tmp_path / "none.onnx")


def test_a_network_that_is_none_is_refused_in_one_line(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("no network")
    with pytest.raises(ModelError, match=r"face restorer text\.onnx") as caught:
        RestorerNet(path)
    assert "\n" not in str(caught.value)


def test_the_kernels_agree_with_their_slow_twins():
    rng = np.random.default_rng(0)
    crop, cells = rng.random((3, 24, 24)).astype(np.float32), np.empty((3, 8, 8), np.float32)
    mean_cells(crop, cells)
    np.testing.assert_allclose(cells, crop.reshape(3, 8, 3, 8, 3).mean((2, 4)), atol=1e-6)
    other = cells + rng.normal(0, 0.03, cells.shape).astype(np.float32)
    out = np.empty((8, 8), np.float32)
    mean = alike(cells, other, 0.02, 0.06, out)
    gap = np.pad(np.abs(other - cells).max(0), 1, constant_values=0)
    worst = np.max([gap[i : i + 8, j : j + 8] for i in range(3) for j in range(3)], 0)
    wanted = np.clip((0.06 - worst) / 0.04, 0, 1)
    np.testing.assert_allclose(out, wanted, atol=1e-4)
    assert mean == pytest.approx(wanted.mean(), abs=1e-4)
    residual, after = rng.normal(0, 0.2, crop.shape).astype(np.float32), crop.copy()
    add_where(residual, out, after)
    places = np.clip((np.arange(24) + 0.5) / 3 - 0.5, 0, 7)
    rows = np.stack([np.interp(places, np.arange(8), out[:, k]) for k in range(8)], 1)
    field = np.stack([np.interp(places, np.arange(8), row) for row in rows])
    np.testing.assert_allclose(after, np.clip(crop + field * residual, 0, 1), atol=1e-5)
