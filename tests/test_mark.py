"""Every picture that leaves carries the invisible mark, and it can be read without a reference."""

import inspect
import io
import subprocess
import sys
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcast.kernels.mark import fill, stamp
from swapcast.realtime.compositor import Compositor, Paste
from swapcast.realtime.cover import Veil
from swapcast.realtime.frame import Colour, Frame, Picture
from swapcast.realtime.mark_code import Payload, decode, encode
from swapcast.realtime.mark_pattern import pattern, tile_side, waves
from swapcast.realtime.mark_reader import agreements, find, level, phases_at, read, together
from swapcast.realtime.synthetic import Synthetic

WIDTH, HEIGHT = 640, 360


def scene(seed=0, width=WIDTH, height=HEIGHT):
    """A picture with soft shapes, edges and a little noise."""
    rng = np.random.default_rng(seed)
    shapes = cv2.resize(
        rng.integers(30, 220, (height // 60, width // 60)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    cv2.rectangle(shapes, (width // 3, height // 4), (width // 2, height), 40, -1)
    shapes += rng.normal(0, 1.5, shapes.shape).astype(np.float32)
    return np.clip(shapes, 16, 235).astype(np.uint8)


def frame_of(luma, number=0, colour=None):
    height, width = luma.shape
    u, v = (np.full((height // 2, width // 2), 128, np.uint8) for _ in range(2))
    return Frame(luma, u, v, width, height, colour or Colour(), number, number / 30)


def marked(luma, payload=None, **settings):
    return Compositor(payload).finish(frame_of(luma), (), (), **settings).planes[0]


def carries(luma):
    """Tell whether a picture whose tiles lie where they were put is marked, and how clearly."""
    of, side = waves(), tile_side(luma.shape[1], luma.shape[0]) / min(luma.shape)
    places = agreements(phases_at(level(luma.astype(np.float32)), side, of), of)
    return float(np.roll(places, (2, 2), (0, 1))[:5, :5].max())


def mean_of(pictures):
    return np.mean([picture.astype(np.float32) for picture in pictures], 0)


@given(number=st.integers(0, 2**28 - 1), version=st.integers(0, 15), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_payload_comes_through_noise(number, version, seed):
    payload = Payload(number, version)
    noise = np.random.default_rng(seed).normal(0, 0.85, 192)  # 4.4 dB a bit
    assert decode(encode(payload) + noise) == payload


def test_noise_is_no_payload():
    rng = np.random.default_rng(0)
    assert not any(decode(rng.normal(0, 1, 192)) for _ in range(40))


def test_the_mark_changes_no_pixel_by_more_than_one_level_and_hardly_any_energy():
    for size in ((1280, 720), (1920, 1080), (640, 480)):
        mark = pattern(Payload(77), *size).astype(float)
        assert set(np.unique(mark)) == {-1, 0, 1}
        assert 10 * np.log10(255**2 / np.mean(mark**2)) > 49.5
        coarse = cv2.blur(mark, (40, 40))  # nothing that one could see as clouds
        assert np.abs(coarse[20:-20, 20:-20]).max() < 0.3


def through(luma, way):
    """Do to a picture what happens to it on its way."""
    height, width = luma.shape
    if way == "crop":
        return luma[17 : 17 + height * 9 // 10, 31 : 31 + width * 9 // 10]
    if way == "small":
        return cv2.resize(luma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    if way == "large":
        return cv2.resize(luma, (1000, 563), interpolation=cv2.INTER_CUBIC)
    if way == "capture":
        bent = (255 * (luma / 255.0) ** 1.2).astype(np.uint8)
        return cv2.resize(bent, (1186, 667), interpolation=cv2.INTER_LINEAR)
    return luma


@pytest.mark.parametrize("way", ["nothing", "crop", "small", "large", "capture"])
def test_the_mark_is_found_and_read_blind(way):
    payload = Payload(123_456_789)
    pictures = [through(marked(scene(k, 1280, 720), payload), way) for k in range(4)]
    picture = level(mean_of(pictures))
    found = find(picture)
    assert found.log10_p < -10
    assert read(picture, found) == payload
    parts = together([level(one.astype(np.float32)) for one in pictures])
    assert read(parts, find(parts)) == payload


def test_without_a_mark_or_with_another_key_nothing_is_found():
    plain = level(mean_of([scene(k, 1280, 720) for k in range(4)]))
    assert find(plain).log10_p > -1
    picture = level(mean_of([marked(scene(k, 1280, 720)) for k in range(4)]))
    assert find(picture, b"another key").log10_p > -1


@pytest.mark.parametrize("value", [0, 16, 128, 235, 255])
def test_black_and_white_pictures_are_marked_and_do_not_wrap_around(value):
    for full_range in (False, True):  # 0 and 255 are beyond black and white in one of them
        luma = marked(np.full((720, 1280), value, np.uint8), colour=Colour(full_range=full_range))
        flat = round((value - 16) * 255 / 219) if full_range else value
        assert np.abs(luma.astype(int) - min(max(flat, 0), 255)).max() <= 1
        assert find(level(luma.astype(np.float32))).log10_p < -10


def every_form():
    """Return pictures of every form that a compositor makes, and covers of them."""
    frame, face = frame_of(scene()), np.full((3, 64, 64), 0.6, np.float32)
    whole = np.array([np.nan] * 4, np.float32)
    box = np.array([100, 50, 500, 320], np.float32)
    for zoom in (2.0, 5.0):  # small and large faces go different ways
        way = np.array([[zoom, 0.2, 150], [-0.2, zoom, 20]], np.float32)
        paste = Paste(face, np.ones((64, 64), np.float32), way)
        for colour in (None, Colour("bt601"), Colour("bt709", True), Colour("bt601", True)):
            yield Compositor().finish(frame, (paste,), (), colour)
    for boxes in ((box,), (whole,), (box, box)):
        yield Compositor().finish(frame, (paste,), boxes)
    slate = Compositor().finish(frame, (), (), slate=True)
    yield slate
    for kind in ("slate", "blur"):
        yield Veil()(slate, kind)
        yield Veil()(Compositor().finish(frame, (paste,), ()), kind)


def test_swapped_covered_and_plain_pictures_are_all_marked():
    agreeing = [carries(picture.planes[0]) for picture in every_form()]
    assert min(agreeing) > 0.6
    assert carries(scene()) < 0.3


def test_the_face_itself_is_marked():
    frame, size = frame_of(np.full((720, 1280), 90, np.uint8)), 128
    for zoom in (4.0, 8.0):
        way = np.array([[zoom, 0, 640 - zoom * 64], [0, zoom, 360 - zoom * 64]], np.float32)
        paste = Paste(
            np.full((3, size, size), 0.5, np.float32), np.ones((size,) * 2, np.float32), way
        )
        inner = Compositor().finish(frame, (paste,), ()).planes[0][130:590, 410:870]
        assert find(level(inner.astype(np.float32))).log10_p < -10


def test_nothing_turns_the_mark_off():
    words = inspect.signature(Compositor).parameters
    assert set(words) == {"payload", "badge", "look", "occlusion"}  # no look has a word for it
    assert carries(marked(scene(), None)) > 0.6  # no payload is a payload: nobody's
    assert "mark" not in inspect.signature(Compositor.finish).parameters


def from_y4m(data):
    with av.open(io.BytesIO(data), format="yuv4mpegpipe") as container:
        for frame in container.decode(video=0):
            yield np.array(frame.to_ndarray()[: frame.height])


@pytest.mark.slow
@pytest.mark.parametrize("guard", ["blur", "freeze", "slate", "pass"])
def test_every_picture_that_live_emits_is_marked(guard):
    line = ["live", "--source", "synthetic", "--sink", "-", "--seconds", "1.5", "--guard", guard]
    done = subprocess.run(
        [sys.executable, "-m", "swapcast.realtime", *line, "--badge", "off"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    agreeing = [carries(luma) for luma in from_y4m(done.stdout)]
    assert len(agreeing) > 10
    assert min(agreeing) > 0.6


@pytest.mark.slow
def test_every_picture_that_convert_writes_is_marked(tmp_path):
    clip, out = tmp_path / "clip.mkv", tmp_path / "out.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for frame in Synthetic(width=1280, height=720, seconds=0.5).frames():
            planes = frame.y[:720, :1280], frame.u[:360, :640], frame.v[:360, :640]
            rows = np.concatenate([plane.ravel() for plane in planes]).reshape(1080, 1280)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rows, "yuv420p")))
        container.mux(stream.encode())
    line = [sys.executable, "-m", "swapcast.realtime", "convert", str(clip), str(out)]
    subprocess.run([*line, "--badge", "off"], check=True, capture_output=True, timeout=120)
    with av.open(str(out)) as container:
        agreeing = [
            carries(frame.to_ndarray()[:720]) for frame in container.decode(container.streams[0])
        ]
    assert len(agreeing) == 15
    assert min(agreeing) > 0.4  # encoded: each picture by itself is a little worse


@given(level=st.integers(0, 255), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_a_plain_picture_is_its_level_and_the_mark(level, seed):
    mark = np.random.default_rng(seed).integers(-1, 2, (5, 24), dtype=np.int8)
    y = np.zeros((16, 24), np.uint8)
    fill(y, level, mark)
    expected = [np.clip(level + mark[i % 5].astype(int), 0, 255) for i in range(16)]
    np.testing.assert_array_equal(y, expected)


@given(seed=st.integers(0, 99), left=st.integers(0, 4), top=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_a_drawing_is_blended_and_marked_like_its_slow_twin(seed, left, top):
    rng = np.random.default_rng(seed)
    mark = rng.integers(-1, 2, (5, 24), dtype=np.int8)
    shapes = (16, 24), (8, 12), (8, 12)
    planes = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    before = [plane.astype(float) for plane in planes]
    luma, share = (rng.integers(0, 256, (8, 12), dtype=np.uint8) for _ in range(2))
    chroma = rng.integers(0, 256, (2, 4, 6), dtype=np.uint8)
    part = rng.integers(0, 256, (4, 6), dtype=np.uint8)
    stamp(luma[None], chroma, share, part, 2 * left, 2 * top, mark, *planes)
    added = np.array([mark[i % 5] for i in range(16)])
    rows, columns = slice(2 * top, 2 * top + 8), slice(2 * left, 2 * left + 12)
    old = before[0][rows, columns]
    before[0][rows, columns] += share / 255 * (luma + added[rows, columns] - old)
    for k in (1, 2):
        old = before[k][top : top + 4, left : left + 6]
        before[k][top : top + 4, left : left + 6] += part / 255 * (chroma[k - 1] - old)
    for plane, twin in zip(planes, before, strict=True):
        np.testing.assert_allclose(plane, np.clip(twin, 0, 255), atol=0.51)


def test_pictures_of_another_size_after_a_mode_change_are_marked():
    compositor = Compositor(Payload(5))
    for width, height in ((1280, 720), (640, 480), (1920, 1080), (720, 1280)):
        picture: Picture = compositor.finish(frame_of(scene(1, width, height)), (), ())
        assert carries(picture.planes[0]) > 0.6
        assert replace(picture).mark is picture.mark
