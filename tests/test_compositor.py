"""What leaves the program: the frame, the swapped face in it, or what covers a true one."""

import gc
import itertools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from swapcast.kernels.geometry import crop_affine, five_points
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.compositor import Compositor, Paste
from swapcast.realtime.frame import Colour, Face, Frame
from swapcast.realtime.look import PRESETS, find_look
from swapcast.realtime.mark_code import Payload
from swapcast.realtime.mark_pattern import pattern

SIZE = 64


def drawn_landmarks(x=80.0, y=60.0, scale=1.0):
    """68 points of a plain face about 60 pixels wide."""
    around = np.linspace(np.pi, 0, 17)
    jaw = np.stack([30 * np.cos(around), -8 + 45 * np.sin(around)], 1)
    brows = [
        (k, -20 - 3 * np.sin((k + 24) / 3.3)) for k in (-24, -19, -14, -10, -6, 6, 10, 14, 19, 24)
    ]
    nose = [(0, -12), (0, -6), (0, 0), (0, 6), (-5, 9), (-2, 10), (0, 11), (2, 10), (5, 9)]
    ring = np.linspace(np.pi, 3 * np.pi, 7)[:-1]
    eyes = [(side + 5 * np.cos(a), -12 + 2 * np.sin(a)) for side in (-13, 13) for a in ring]
    lips = np.linspace(np.pi, 3 * np.pi, 13)[:-1]
    mouth = [(11 * np.cos(a), 20 + 4 * np.sin(a)) for a in lips]
    inner = [(8 * np.cos(a), 20 + 2 * np.sin(a)) for a in np.linspace(np.pi, 3 * np.pi, 9)[:-1]]
    points = np.array([*jaw, *brows, *nose, *eyes, *mouth, *inner], np.float32)
    return (points * scale + (x, y)).astype(np.float32)


def drawn_face(track=1, **place):
    points = drawn_landmarks(**place)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    return Face(box, 1.0, five_points(points), points, np.ones(68, np.float32), track)


def drawn_frame(number=0, width=161, height=121, tall_chroma=False, level=120, colour=None):
    rng = np.random.default_rng(number)
    rows = height if tall_chroma else (height + 1) // 2
    y = (level + rng.integers(-20, 20, (height, width + 7))).astype(np.uint8)
    u, v = (128 + rng.integers(-9, 9, (2, rows, width // 2 + 3))).astype(np.uint8)
    for plane in (y, u, v):
        plane.setflags(write=False)  # nobody writes into a frame
    return Frame(y, u, v, width, height, colour or Colour(), number, number / 30)


def spread(picture):
    """The mark that a picture of this size carries, as levels of luma."""
    mark = pattern(Payload(), picture.width, picture.height).astype(int)
    return mark[np.arange(picture.height) % len(mark)]


def prepared(compositor, frame, face, colour=(0.9, 0.1, 0.2), predicted=None):
    affine = crop_affine(face.points, "dfl_whole_face", SIZE)
    crop = np.empty((3, SIZE, SIZE), np.float32)
    compositor.crop(frame, affine, crop)
    picture = np.empty_like(crop)
    picture[:] = np.array(colour, np.float32)[:, None, None]
    return compositor.paste(face, crop, picture, predicted, affine)


@pytest.mark.parametrize("tall_chroma", [False, True])
def test_a_frame_without_faces_leaves_as_it_came_but_for_the_mark_in_one_pass(tall_chroma):
    compositor, frame = Compositor(), drawn_frame(number=7, tall_chroma=tall_chroma)
    picture = compositor.finish(frame, (), ())
    assert (picture.width, picture.height) == (162, 122)
    assert (picture.number, picture.captured_at) == (7, 7 / 30)
    assert picture.colour == frame.colour
    y, u, _ = picture.planes
    mark = spread(picture)
    np.testing.assert_array_equal(y[:121, :161] - mark[:121, :161], frame.y[:, :161])
    np.testing.assert_array_equal(y[121, :161] - mark[121, :161], frame.y[120, :161])
    np.testing.assert_array_equal(y[:, 161], y[:, 160])
    if not tall_chroma:
        np.testing.assert_array_equal(u, frame.u[:, :81])
    assert compositor.full_frame_passes == 1


def test_each_picture_is_walked_through_once_however_many_faces_it_has():
    compositor = Compositor()
    for number in range(5):
        frame = drawn_frame(number)
        faces = drawn_face(1), drawn_face(2, x=30.0, scale=0.5)
        pastes = [prepared(compositor, frame, face) for face in faces]
        compositor.finish(frame, pastes, (np.array([0, 0, 40, 40], np.float32),))
    assert compositor.full_frame_passes == 5


def test_the_swap_lies_on_the_face_and_nowhere_else():
    compositor, frame, face = Compositor(), drawn_frame(), drawn_face()
    paste = prepared(compositor, frame, face)
    face_only = Paste(np.zeros_like(paste.face), paste.mask, paste.affine)
    y = compositor.finish(frame, (face_only,), ()).planes[0].astype(int)
    before = compositor.finish(frame, (), ()).planes[0]
    changed = np.argwhere(y != before)
    left, top, right, bottom = face.box
    assert changed[:, 1].min() >= left - 3
    assert changed[:, 1].max() <= right + 3
    assert changed[:, 0].max() <= bottom + 3
    assert top - 25 <= changed[:, 0].min() < top  # part of the forehead, above the brows
    assert (abs(y[50:70, 70:90] - 16) <= 1).all()  # the middle of the face is the new one


def test_the_face_is_the_same_in_every_colour_that_a_sink_asks_for():
    compositor, frame = Compositor(), drawn_frame(colour=Colour("bt601", True))
    paste = prepared(compositor, frame, drawn_face())
    green = np.zeros_like(paste.face)
    green[1] = 0.8
    for matrix, full_range in itertools.product(("bt601", "bt709"), (True, False)):
        colour = Colour(matrix, full_range)
        picture = compositor.finish(frame, (Paste(green, paste.mask, paste.affine),), (), colour)
        assert picture.colour == colour
        out = np.empty((3, 4, 4), np.float32)
        back = Frame(*picture.planes, picture.width, picture.height, colour, 0, 0.0)
        compositor.crop(back, np.array([[1, 0, 78], [0, 1, 58]], np.float32), out)
        np.testing.assert_allclose(out.mean((1, 2)), (0, 0.8, 0), atol=0.02)


def test_the_swapped_face_takes_the_colour_of_the_true_one_and_does_not_flicker():
    compositor, means = Compositor(), []
    for number in range(30):
        frame = drawn_frame(number, level=120 + (3 if number % 2 else -3))  # a flickering lamp
        paste = prepared(compositor, frame, drawn_face())
        means.append(paste.face[:, 20:44, 20:44].mean((1, 2)))
    true = (120 - 16) / 219
    np.testing.assert_allclose(means[-1], true, atol=0.03)
    assert np.abs(np.diff(means[5:], axis=0)).max() < 0.003  # the lamp itself: 0.027


def test_colours_follow_a_new_scene_at_once_and_end_with_their_track():
    compositor = Compositor()
    for level in (60, 180):
        frame = drawn_frame(level=level)
        paste = prepared(compositor, frame, drawn_face())
        expected = (level - 16) / 219
        np.testing.assert_allclose(paste.face[:, 20:44, 20:44].mean((1, 2)), expected, atol=0.03)
    for number in range(70):  # the face has gone; then somebody else gets its number
        compositor.finish(drawn_frame(number), (), ())
    frame = drawn_frame(level=168)
    paste = prepared(compositor, frame, drawn_face(), colour=(0.1, 0.9, 0.9))
    np.testing.assert_allclose(paste.face[:, 20:44, 20:44].mean((1, 2)), 152 / 219, atol=0.03)


def test_the_swappers_own_mask_narrows_the_one_of_the_landmarks():
    compositor, frame, face = Compositor(), drawn_frame(), drawn_face()
    left_half = np.zeros((SIZE, SIZE), np.float32)
    left_half[:, : SIZE // 2] = 1
    whole = prepared(compositor, frame, face)
    half = prepared(compositor, frame, face, predicted=left_half)
    assert not half.mask[:, SIZE // 2 :].any()
    np.testing.assert_array_equal(half.mask[:, : SIZE // 2], whole.mask[:, : SIZE // 2])


def test_a_guarded_face_is_covered_even_where_a_swap_lies():
    compositor, frame, face = Compositor(), drawn_frame(), drawn_face()
    paste = prepared(compositor, frame, face)
    picture = compositor.finish(frame, (paste,), (face.box,))
    left, top, right, bottom = (int(edge) for edge in face.box)
    luma, *chroma = picture.planes
    for plane, scale in zip((luma - spread(picture), *chroma), (1, 2, 2), strict=True):
        part = plane[top // scale : bottom // scale, left // scale : right // scale]
        columns = np.abs(np.diff(part.astype(int), axis=1)).max(0) > 0
        assert np.count_nonzero(columns) <= 8


def test_a_box_that_is_no_number_covers_everything():
    compositor = Compositor()
    lost = np.array([np.nan, 0, 5, 5], np.float32)
    picture = compositor.finish(drawn_frame(), (), (lost,))
    assert len(np.unique(picture.planes[0] - spread(picture))) <= 64


def test_a_slate_shows_nothing_of_the_frame():
    frame = drawn_frame()
    for colour in (None, Colour("bt709", True)):
        compositor = Compositor()
        paste = prepared(compositor, frame, drawn_face())
        picture = compositor.finish(frame, (paste,), (), colour, slate=True)
        luma, *chroma = picture.planes
        assert all(len(np.unique(one)) == 1 for one in (luma - spread(picture), *chroma))


def test_pictures_that_somebody_holds_are_not_written_again():
    compositor, held = Compositor(), []
    for number in range(40):
        picture = compositor.finish(drawn_frame(number), (), ())
        held.append((picture.planes[0][:121, :161], number))  # a view is enough
    mark = spread(picture)[:121, :161]
    for view, number in held:
        np.testing.assert_array_equal(view - mark, drawn_frame(number).y[:, :161])


def test_a_buffer_is_used_again_only_after_it_was_let_go_of():
    buffers = Buffers(most=2)
    first = buffers.take((4, 4), np.uint8)
    view = first[1:]
    address = first.ctypes.data
    del first
    gc.collect()
    second = buffers.take((4, 4), np.uint8)
    assert second.ctypes.data != address
    del view
    gc.collect()
    assert buffers.take((4, 4), np.uint8).ctypes.data == address
    assert buffers.take((4, 4), np.float32).dtype == np.float32


@pytest.mark.parametrize("name", PRESETS)
def test_a_steady_stream_takes_no_fresh_memory(name):
    compositor, frames = Compositor(look=find_look(name)), [drawn_frame(k) for k in range(4)]
    compositor.look = replace(compositor.look, overlay="none")
    face, size = drawn_face(), 256

    def one(frame):
        affine = crop_affine(face.points, "dfl_whole_face", size)
        compositor.crop(frame, affine, crop)
        paste = compositor.paste(face, crop, crop, mask, affine, frame=frame)
        return compositor.finish(frame, (paste,), ())

    crop, mask = np.empty((3, size, size), np.float32), np.ones((size, size), np.float32)
    last = [one(frame) for frame in frames]  # a sink holds some for a while
    last[:] = [one(frame) for frame in frames]
    tracemalloc.start()
    for _ in range(5):
        for k, frame in enumerate(frames):
            last[k] = one(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Not one picture, crop or mask, nor a plane of half the crop's size; but small arrays are made.
    assert peak < (size // 2) ** 2 * 4


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 64, 32)])
def test_a_crop_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"\[3, S, S\], got"):
        Compositor().crop(
            drawn_frame(), np.eye(2, 3, dtype=np.float32), np.zeros(shape, np.float32)
        )


def test_landmarks_that_are_no_numbers_are_refused():
    compositor, face = Compositor(), drawn_face()
    affine = crop_affine(face.points, "dfl_whole_face", SIZE)
    face.landmarks[3, 1] = np.nan
    crop = np.zeros((3, SIZE, SIZE), np.float32)
    with pytest.raises(ValueError, match="landmark"):
        compositor.paste(face, crop, crop, None, affine)


def test_a_swapper_whose_mask_ends_at_the_hair_wears_the_whole_forehead():
    face = drawn_face(track=-1)
    affine = crop_affine(face.points, "dfl_whole_face", SIZE)
    crop, shown = np.full((3, SIZE, SIZE), 0.5, np.float32), np.ones((SIZE, SIZE), np.float32)

    def area(compositor, predicted, **more):
        return float(compositor.paste(face, crop, crop, predicted, affine, **more).mask.sum())

    usual = Compositor()
    assert area(usual, shown, hairline=True) > 1.08 * area(usual, shown)
    # Without a mask of its own, nobody knows where the hair is.
    assert area(usual, None, hairline=True) == area(usual, None)
    bare = Compositor(look=replace(find_look("natural"), model_mask=False))
    assert area(bare, shown, hairline=True) == area(bare, shown)
    none = Compositor(look=replace(find_look("natural"), forehead=0.0))
    assert area(none, shown, hairline=True) == area(none, shown)
