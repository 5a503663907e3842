"""What lies before a face stays before the swap, and an error of the network shows no wearer."""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from made_frames import pictures_of
from onnx import TensorProto, helper, numpy_helper
from test_compositor import drawn_face, drawn_frame

from swapcast.export.runners import open_runner
from swapcast.kernels.geometry import crop_affine, invert, transform
from swapcast.models.occlusion_hands import lay_hand
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import ModelError
from swapcast.realtime.look import Look
from swapcast.realtime.occlusion import OcclusionNet, OcclusionOnDemand, occlusion_net

SIZE, SIDE = 128, 112
FACE = drawn_face(x=200.0, y=150.0, scale=2.0)
AFFINE = crop_affine(FACE.points, "dfl_whole_face", SIZE)
LOOK = Look(occlusion="network")
ASSETS = Path(str(resources.files("swapcast.assets")))


def drawn_network(side=SIDE, channels=3):
    """A network that takes black for what lies before the face."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("ReduceMax", ["crop", "axes"], ["light"], keepdims=1),
        helper.make_node("Less", ["light", "dark"], ["below"]),
        helper.make_node("Cast", ["below"], ["cover"], to=TensorProto.FLOAT),
    ]
    weights = [
        numpy_helper.from_array(np.array([1], np.int64), "axes"),
        numpy_helper.from_array(np.array([0.02], np.float32), "dark"),
    ]
    given = [value("crop", TensorProto.FLOAT, [1, channels, side, side])]
    made = [value("cover", TensorProto.FLOAT, [1, 1, side, side])]
    graph = helper.make_graph(nodes, "drawn", given, made, weights)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


class Broken:
    """A runner that fails at every call."""

    def __init__(self):
        self.provider, self.precision, self.metadata = "cpu", "fp32", {}
        self.shapes = {"crop": (1, 3, SIDE, SIDE)}

    def __call__(self, inputs):
        raise ModelError("out of memory")


def crop_with_bar():
    true = np.full((3, SIZE, SIZE), 0.6, np.float32)
    true[:, 70:80] = 0.0  # a microphone
    return true


def pasted(compositor, true):
    green = np.full((3, SIZE, SIZE), 0.1, np.float32)
    green[1] = 0.6
    cover = compositor.covers(true)
    return compositor.paste(FACE, true, green, None, AFFINE, cover=cover)


@pytest.mark.parametrize(
    "look", [LOOK, replace(LOOK, blend="poisson"), replace(LOOK, blend="multiband")]
)
def test_what_lies_before_the_face_is_left_out_of_the_mask(look):
    net = OcclusionNet(open_runner(drawn_network()))
    compositor = Compositor(look=look, occlusion=net)
    one = pasted(compositor, crop_with_bar())
    assert one.mask[72:78, 40:90].max() < 0.02
    assert one.mask[84:92, 50:78].min() > 0.95
    assert one.whole is not None
    assert one.whole[72:78, 50:78].min() > 0.95  # for the guard, the bar hides a face that is worn
    compositor.look = replace(LOOK, occlusion="off")  # changed live
    assert pasted(compositor, crop_with_bar()).mask[72:78, 50:78].min() > 0.95


def test_the_picture_keeps_the_thing_itself():
    net = OcclusionNet(open_runner(drawn_network()))
    frame = drawn_frame(0, 402, 302)
    compositor = Compositor(look=replace(LOOK, colour="off", detail=0.0), occlusion=net)
    crop = np.empty((3, SIZE, SIZE), np.float32)
    x, y = (int(v) // 2 * 2 for v in FACE.points[2])
    planes = frame.y.copy(), frame.u.copy(), frame.v.copy()
    planes[0][y - 6 : y + 6, x - 20 : x + 20] = 16
    for plane in planes[1:]:
        plane[(y - 6) // 2 : (y + 6) // 2, (x - 20) // 2 : (x + 20) // 2] = 128
    frame = replace(frame, y=planes[0], u=planes[1], v=planes[2])
    compositor.crop(frame, AFFINE, crop)
    white = np.full_like(crop, 0.9)
    paste = compositor.paste(FACE, crop, white, None, AFFINE, cover=compositor.covers(crop))
    picture = compositor.finish(frame, (paste,), ())
    inner = np.s_[y - 2 : y + 2, x - 14 : x + 14]
    assert picture.planes[0][inner].max() < 40
    assert picture.planes[0][y + 20, x] > 150


def test_a_network_that_fails_leaves_nothing_out_and_says_so_once():
    told = []
    compositor = Compositor(look=LOOK, occlusion=OcclusionNet(Broken(), told.append))
    for _ in range(5):
        assert pasted(compositor, crop_with_bar()).mask[72:78, 50:78].min() > 0.95
    assert len(told) == 1
    assert "out of memory" in told[0]


def test_the_network_is_opened_for_the_first_look_that_asks():
    opened = []

    def opens():
        opened.append(OcclusionNet(open_runner(drawn_network())))
        return opened[-1]

    compositor = Compositor(look=Look(), occlusion=OcclusionOnDemand(opens=opens))
    assert compositor.covers(crop_with_bar()) is None
    assert not opened
    compositor.look = LOOK
    assert compositor.covers(crop_with_bar()).max() == 1
    assert compositor.covers(crop_with_bar()).max() == 1
    assert len(opened) == 1


def test_a_network_that_cannot_be_opened_is_told_once_and_nothing_is_left_out():
    def opens():
        raise ModelError("the package lacks it; install swapcast again")

    told = []
    occlusion = OcclusionOnDemand(told.append, opens)
    compositor = Compositor(look=LOOK, occlusion=occlusion)
    assert compositor.covers(crop_with_bar()) is None
    assert compositor.covers(crop_with_bar()) is None
    assert told == [
        "nothing before the face is left out: the package lacks it; install swapcast again"
    ]
    with pytest.raises(ModelError, match="install swapcast again"):
        occlusion.open()


def test_a_network_that_takes_something_else_is_refused_in_one_line():
    with pytest.raises(ModelError, match="takes one picture") as caught:
        OcclusionNet(open_runner(drawn_network(channels=1)))
    assert "\n" not in str(caught.value)


def test_the_bundled_network_is_small_and_says_what_it_is():
    path = ASSETS / "occlusion.onnx"
    assert path.stat().st_size <= 500_000
    about = onnx.load(str(path)).metadata_props
    told = json.loads({prop.key: prop.value for prop in about}["swapcast"])
    assert (told["kind"], told["size"], told["template"]) == ("occlusion", SIDE, "dfl_whole_face")


def demo_crops():
    """Crops of the bundled clip, BGR, with their true landmarks."""
    pictures = pictures_of(ASSETS / "demo.mp4", 60)
    with np.load(ASSETS / "demo_truth.npz") as truth:
        marks = truth["landmarks"][::60]
    for picture, there in zip(pictures, marks, strict=False):
        points = there.astype(np.float32)
        five = [points[36:42].mean(0), points[42:48].mean(0), *points[[30, 48, 54]]]
        way = crop_affine(np.array(five, np.float32), "dfl_whole_face", 160)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(picture[..., ::-1].copy(), way, (160, 160), flags=flags)
        yield crop, transform(invert(way), points)


def planar(bgr):
    return np.ascontiguousarray(bgr[..., ::-1].transpose(2, 0, 1) / np.float32(255))


def test_a_bare_face_is_left_alone_and_a_hand_is_found():
    net, rng = occlusion_net(), np.random.default_rng(3)
    bare, found, there = [], 0, 0
    for crop, points in demo_crops():
        inner = np.zeros(crop.shape[:2], np.uint8)
        cv2.fillPoly(inner, [cv2.convexHull(points.astype(np.int32))], 1)
        small = cv2.resize(inner, (SIDE, SIDE)) > 0
        bare.append((net(planar(crop)) > 0.5)[small].mean())
        for _ in range(3):
            covered, mask = lay_hand(crop, points, rng)
            truth = (cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 0.5) & small
            seen = net(planar(covered)) > 0.5
            found += np.count_nonzero(seen & truth)
            there += np.count_nonzero(truth)
    assert len(bare) >= 3
    assert max(bare) < 0.01
    assert found > 0.7 * there > 0
