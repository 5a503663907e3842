"""What a viewer notices of a swapped face: its colours, its edge, its grain; and what is steady."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from test_compositor import drawn_face, drawn_frame

from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.geometry import crop_affine, invert, transform
from swapcast.realtime.border import Border, robust
from swapcast.realtime.buffers import Buffers
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.frame import Colour
from swapcast.realtime.look import Look, choices
from swapcast.realtime.skin import PersonSkin
from swapcast.realtime.tone import monge_kantorovich
from swapcast.realtime.worn import Worn

SIZE = 128
BACK = rgb_from_yuv("bt601", True)
FACE = drawn_face(x=200.0, y=150.0, scale=2.0)
AFFINE = crop_affine(FACE.points, "dfl_whole_face", SIZE)
LANDMARKS = transform(invert(AFFINE), FACE.landmarks)
INSIDE = np.s_[:, 50:80, 45:83]


def skin_crop(colour, seed=0, noise=3.0, shade=20.0):
    """A face of one colour (Y, U, V), shaded from left to right, with grain."""
    rng = np.random.default_rng(seed)
    levels = np.empty((3, SIZE, SIZE), np.float32)
    levels[:] = np.array(colour, np.float32)[:, None, None]
    levels[0] += np.linspace(-shade, shade, SIZE, dtype=np.float32)
    levels[0] += rng.normal(0, noise, (SIZE, SIZE)).astype(np.float32)
    rgb = np.einsum("ck,kij->cij", BACK[:, :3], levels) + BACK[:, 3, None, None]
    return np.ascontiguousarray(np.clip(rgb, 0, 1), np.float32)


def dressed(worn, look, true, made, predicted=None, **settings):
    return worn(look, (true, made), predicted, LANDMARKS, FACE.visibility, Buffers(), **settings)


TRUE, MADE = (130, 105, 155), (110, 118, 140)


@pytest.mark.parametrize("method", [one for one in choices("colour") if one != "off"])
def test_every_method_brings_the_swap_to_the_wearers_colours(method):
    true, made = skin_crop(TRUE), skin_crop(MADE, seed=1, shade=15)
    look = Look(colour=method, detail=0.0)
    face = dressed(Worn(SIZE), look, true, made).face
    gap = np.abs(face[INSIDE].mean((1, 2)) - true[INSIDE].mean((1, 2)))
    before = np.abs(made[INSIDE].mean((1, 2)) - true[INSIDE].mean((1, 2)))
    assert gap.max() < 0.02 < before.max()


@pytest.mark.parametrize("method", ["average", "reinhard", "mkl", "reinhard-lab", "histogram"])
@pytest.mark.parametrize("step", [(12, 0, 0), (-18, 0, 0), (0, -8, 10), (35, 6, -6)])
def test_a_step_of_exposure_or_white_balance_is_followed_within_three_frames(method, step):
    worn, look, made = Worn(SIZE), Look(colour=method, detail=0.0), skin_crop(MADE, seed=1)
    for number in range(20):
        dressed(worn, look, skin_crop(TRUE, seed=number), made)
    after = tuple(a + b for a, b in zip(TRUE, step, strict=True))
    true = skin_crop(after, seed=99)
    for number in range(3):
        face = dressed(worn, look, skin_crop(after, seed=99 + number), made).face
    gap = np.abs(face[INSIDE].mean((1, 2)) - true[INSIDE].mean((1, 2)))
    assert gap.max() < 0.02


def test_grain_does_not_make_the_colour_tremble():
    worn, look, means = Worn(SIZE), Look(detail=0.0), []
    for number in range(30):
        face = dressed(worn, look, skin_crop(TRUE, number, noise=8), skin_crop(MADE, 1)).face
        means.append(face[INSIDE].mean((1, 2)))
    assert np.abs(np.diff(means[5:], axis=0)).max() < 1 / 255


def test_the_colours_of_a_beard_or_a_hand_do_not_count():
    true = skin_crop(TRUE)
    covered = true.copy()
    covered[:, 85:] = 0.05  # a dark scarf over mouth and chin
    worn, look, made = Worn(SIZE), Look(detail=0.0), skin_crop(MADE, seed=1)
    bare = dressed(worn, look, true, made).face[INSIDE].mean((1, 2))
    for _ in range(10):
        face = dressed(worn, look, covered, made).face
    np.testing.assert_allclose(face[INSIDE].mean((1, 2)), bare, atol=0.02)


def test_the_linear_map_of_least_movement_leads_one_covariance_to_the_other():
    rng = np.random.default_rng(0)
    a = np.eye(3) + 0.05 * rng.normal(size=(3, 3))
    start = a @ np.diag([100, 20, 10.0]) @ a.T
    goal = start * 1.1 + np.diag([5, 1, 0.5])
    found = monge_kantorovich(start, goal)
    np.testing.assert_allclose(found @ start @ found.T, goal, rtol=1e-6)
    np.testing.assert_allclose(found, found.T, atol=1e-9)


@pytest.mark.parametrize("colour", [(60, 118, 142), (130, 105, 155), (205, 112, 146)])
def test_skin_of_every_tone_is_told_from_hair_and_background(colour):
    person = PersonSkin()
    levels = np.empty((3, SIZE // 2, SIZE // 2), np.float32)
    levels[:] = np.array(colour, np.float32)[:, None, None]
    levels[0] += np.random.default_rng(0).normal(0, 5, levels.shape[1:])
    levels[:, :12] = np.array([30, 128, 128])[:, None, None]  # hair
    levels[:, 12:24, :6] = np.array([150, 150, 100])[:, None, None]  # a wall
    for _ in range(3):
        person.learn(levels, LANDMARKS / 2)
    out = np.empty(levels.shape[1:], np.float32)
    person.likeness(levels, out)
    assert out[26:, 20:44].mean() > 0.95
    assert out[:11].max() < 0.5
    assert out[13:23, :5].max() < 0.05


def test_a_hand_over_a_cheek_is_not_learnt():
    person, levels = PersonSkin(), np.empty((3, 64, 64), np.float32)
    levels[:] = np.array(TRUE, np.float32)[:, None, None]
    for _ in range(5):
        person.learn(levels, LANDMARKS / 2)
    before = person.mean.copy()
    levels[:, :, :30] = np.array([60, 140, 120])[:, None, None]  # a blue glove
    for _ in range(5):
        person.learn(levels, LANDMARKS / 2)
    np.testing.assert_allclose(person.mean, before, atol=1.0)


def test_a_membrane_takes_the_seam_away_without_changing_the_middle():
    true, made = skin_crop(TRUE, noise=1, shade=40), skin_crop(TRUE, seed=1, noise=1, shade=0)
    plain = dressed(Worn(SIZE), Look(detail=0.0), true, made)
    look = Look(detail=0.0, blend="poisson", spread=0.15)
    even = dressed(Worn(SIZE), look, true, made)
    ring = (plain.mask > 0.2) & (plain.mask < 0.9)
    steps = [np.abs(one.face - true)[:, ring].mean() for one in (plain, even)]
    assert steps[1] < 0.5 * steps[0]
    middle = np.s_[:, 60:70, 60:70]
    np.testing.assert_allclose(even.face[middle], plain.face[middle], atol=0.03)


def lifted(border, off):
    """How many levels the middle of a face is lifted if the border differs by ``off``."""
    made = np.full((3, SIZE // 2, SIZE // 2), 110, np.float32)
    true = made + np.float32([off, 0, 0])[:, None, None]
    rows, columns = np.mgrid[:SIZE, :SIZE]
    bound = np.float32(np.hypot(rows - 64, columns - 64) < 40)
    face = np.full((3, SIZE, SIZE), 0.5, np.float32)
    trust = np.ones(made.shape[1:], np.float32)
    border.apply(Look(blend="poisson"), face.copy(), (true, made), trust, bound, face)
    return 255 * float(face[:, 64, 64].mean() - 0.5)


def test_a_border_that_wavers_does_not_make_the_face_tremble():
    rng, border = np.random.default_rng(0), Border(SIZE)
    lifts = [lifted(border, off) for off in 10 + rng.normal(0, 5, 60)]
    assert np.abs(np.diff(lifts[8:])).max() < 1.5
    assert abs(np.mean(lifts[20:]) - 10) < 2


def test_the_first_frames_count_alike():
    border = Border(SIZE)
    assert abs(lifted(border, 20) - 20) < 1
    assert abs(lifted(border, 10) - 15) < 1
    assert abs(lifted(border, 12) - 14) < 1


@pytest.mark.parametrize("step", [8, -12, 25])
def test_a_step_at_the_border_is_followed_within_three_frames(step):
    rng, border = np.random.default_rng(0), Border(SIZE)
    for off in 10 + rng.normal(0, 0.5, 20):
        lifted(border, off)
    after = [lifted(border, 10 + step) for _ in range(3)]
    assert abs(after[-1] - 10 - step) < 0.25 * abs(step)


def test_the_light_of_the_true_face_is_followed_part_by_part_and_in_time():
    made, look = skin_crop(TRUE, seed=1, noise=1, shade=0), Look(detail=0.0, relight=1.0)
    left, right = np.s_[:, 55:75, 44:54], np.s_[:, 55:75, 74:84]

    def lean(face):
        return float(face[right].mean() - face[left].mean())

    worn, true = Worn(SIZE), skin_crop(TRUE, noise=1, shade=30)
    lit = dressed(worn, look, true, made).face
    plain = dressed(Worn(SIZE), replace(look, relight=0.0), true, made).face
    assert abs(lean(plain)) < 0.2 * lean(true)
    assert 0.55 * lean(true) < lean(lit) < 1.1 * lean(true)
    other = skin_crop(TRUE, noise=1, shade=-30)  # the lamp moves to the other side
    for _ in range(12):
        lit = dressed(worn, look, other, made).face
    assert lean(lit) < 0.5 * lean(other) < 0


def test_bands_leave_no_step_of_shade_at_the_edge_and_the_middle_alone():
    true, made = skin_crop(TRUE, noise=1, shade=40), skin_crop(TRUE, seed=1, noise=1, shade=0)
    plain = dressed(Worn(SIZE), Look(detail=0.0), true, made)
    even = dressed(Worn(SIZE), Look(detail=0.0, blend="multiband"), true, made)
    ring = (plain.mask > 0.5) & (plain.mask < 0.95)
    steps = [np.abs(one.face - true)[:, ring].mean() for one in (plain, even)]
    assert steps[1] < 0.7 * steps[0]
    middle = np.s_[:, 60:70, 60:70]
    np.testing.assert_allclose(even.face[middle], plain.face[middle], atol=0.03)
    np.testing.assert_allclose(even.mask, plain.mask)


def test_mixed_gradients_do_not_bring_the_wearers_features_back():
    true, made = skin_crop(TRUE, noise=1), skin_crop(TRUE, seed=1, noise=1)
    cv2.circle(true[0], (64, 64), 6, 0.0, -1)  # something that only the wearer has
    face = dressed(Worn(SIZE), Look(detail=0.0, blend="mixed"), true, made).face
    assert np.abs(face[0, 60:68, 60:68] - made[0, 60:68, 60:68]).mean() < 0.1


def test_one_odd_ray_of_a_border_is_outvoted():
    seen = np.zeros((3, 96), np.float32)
    seen[0] = 10 + 5 * np.sin(np.arange(96) / 96 * 2 * np.pi)
    odd = seen.copy()
    odd[:, 40:43] += 90  # a strand of hair
    weight = np.ones(96, np.float32)
    assert np.abs(robust(odd, weight) - seen).max() < 4
    weight[40:60] = 0  # nobody knows: the neighbours speak
    assert np.abs(robust(odd, weight) - seen).max() < 4


def test_the_cameras_grain_shows_on_skin_and_the_wearers_brow_does_not():
    rng, size = np.random.default_rng(0), SIZE
    true, made = skin_crop(TRUE, noise=6), skin_crop(TRUE, seed=1, noise=0)
    brow = np.s_[:, 40:43, 40:60]
    true[brow] = 0.1
    worn, look = Worn(size), Look(detail=1.0)
    for _ in range(10):
        one = dressed(worn, look, true, made)
    assert one.gate[70:80, 50:75].mean() > 0.6
    assert one.gate[41, 45:55].mean() < 0.15
    lacking = true - one.coarse  # what comes back of the crop's own bands
    assert lacking[:, 60:80, 50:75].std() > 0.7 * 6 / 255
    sharp = true + rng.normal(0, 0.002, true.shape).astype(np.float32)
    for _ in range(30):
        one = dressed(worn, look, true, sharp)
    assert (true - one.coarse)[:, 60:80, 50:75].std() < 1 / 255  # a sharp swap needs none of it


def test_the_mask_of_a_network_is_steadied_and_still_closes_quickly():
    worn, look, rng = Worn(SIZE), Look(colour="off", detail=0.0), np.random.default_rng(0)
    true, areas = skin_crop(TRUE), []
    for _ in range(20):
        flicker = np.full((SIZE, SIZE), 0.8 + 0.2 * rng.random(), np.float32)
        areas.append(float(dressed(worn, look, true, true, flicker).mask.sum()))
    free = [0.8 + 0.2 * one for one in np.random.default_rng(0).random(20)]
    assert np.std(np.diff(areas[3:])) / areas[-1] < 0.75 * np.std(np.diff(free[3:])) / 0.9
    hand = np.ones((SIZE, SIZE), np.float32)
    hand[70:] = 0
    for _ in range(2):
        mask = dressed(worn, look, true, true, hand).mask
    assert mask[75:95].max() < 0.1


def test_a_hand_before_the_face_stays_and_its_colours_do_not_count():
    true, made = skin_crop(TRUE), skin_crop(MADE, seed=1)
    cover = np.zeros((56, 56), np.float32)
    cover[26:40, 22:35] = 1
    bare = dressed(Worn(SIZE), Look(detail=0.0), true, made)
    true[:, 60:90, 50:80] *= 0.3
    worn = Worn(SIZE)
    over = dressed(worn, Look(detail=0.0), true, made, cover=cover)
    assert over.mask[64:86, 54:76].max() < 0.05
    assert over.whole is not None
    np.testing.assert_allclose(over.whole, bare.mask, atol=1e-6)
    np.testing.assert_allclose(over.mask[30:55], bare.mask[30:55], atol=1e-6)
    free = np.s_[:, 35:50, 50:80]
    np.testing.assert_allclose(
        over.face[free].mean((1, 2)), bare.face[free].mean((1, 2)), atol=0.02
    )
    assert dressed(worn, Look(detail=0.0), true, made).whole is None


def test_a_cover_gives_way_at_once_and_comes_back_by_degrees():
    true, worn = skin_crop(TRUE), Worn(SIZE)
    cover = np.zeros((56, 56), np.float32)
    dressed(worn, Look(), true, true, cover=cover)
    cover[28:36, 24:32] = 1
    assert dressed(worn, Look(), true, true, cover=cover).mask[70:76, 60:68].max() < 0.05
    cover[:] = 0
    after = dressed(worn, Look(), true, true, cover=cover).mask[70:76, 60:68]
    assert 0.3 < after.mean() < 0.7


def test_what_claims_to_hide_most_of_the_face_is_not_believed():
    true, worn = skin_crop(TRUE), Worn(SIZE)
    whole = dressed(Worn(SIZE), Look(), true, true).mask
    opened = []
    for rows in range(0, 57, 2):  # it creeps down over the face
        cover = np.zeros((56, 56), np.float32)
        cover[:rows] = 1
        mask = dressed(worn, Look(), true, true, cover=cover).mask
        opened.append((whole - mask)[whole > 0.9].mean())
    assert 0.4 < max(opened) < 0.52
    assert opened[-1] == 0  # wholly covered: the swap is worn
    cover[:] = 1  # and one that jumps
    cover[40:] = 0
    for _ in range(3):
        mask = dressed(worn, Look(), true, true, cover=cover).mask
    np.testing.assert_allclose(mask, whole, atol=1e-6)


def test_kept_eyes_and_mouth_are_left_out_of_the_mask():
    true = skin_crop(TRUE)
    plain = dressed(Worn(SIZE), Look(), true, true).mask
    for look, parts in (
        (Look(keep_mouth=True), (slice(48, 60),)),
        (Look(keep_eyes=True), (slice(36, 42), slice(42, 48))),
    ):
        mask = dressed(Worn(SIZE), look, true, true).mask
        for part in parts:
            x, y = np.rint(LANDMARKS[part].mean(0)).astype(int)
            assert plain[y, x] > 0.99
            assert mask[y, x] < 0.3
        assert 0.8 * plain.sum() < mask.sum() < plain.sum()


def test_hidden_landmarks_take_the_mask_back():
    true, worn = skin_crop(TRUE), Worn(SIZE)
    seen = dressed(worn, Look(), true, true).mask
    hidden = FACE.visibility.copy()
    hidden[5:12] = 0
    less = worn(Look(), (true, true), None, LANDMARKS, hidden, Buffers()).mask
    assert less.sum() < 0.95 * seen.sum()
    assert (less <= seen + 1e-6).all()


def test_hair_over_the_forehead_keeps_the_cameras_picture_and_a_beard_does_not():
    true = skin_crop(TRUE)
    top = int(LANDMARKS[17:27, 1].min())
    true[:, : top - 3] = 0.08  # a fringe
    true[:, 92:] = 0.08  # a beard
    masks = [dressed(Worn(SIZE), Look(skin=skin), true, true).mask for skin in ("off", "adaptive")]
    assert masks[1][: top - 6].sum() < 0.25 * masks[0][: top - 6].sum()
    np.testing.assert_allclose(masks[1][70:], masks[0][70:], atol=0.02)


@pytest.mark.parametrize("overlay", [one for one in choices("overlay") if one != "none"])
def test_every_mask_can_be_shown(overlay):
    true, look = skin_crop(TRUE), Look(skin="adaptive")
    predicted, cover = np.ones((SIZE, SIZE), np.float32), np.zeros((32, 32), np.float32)
    cover[12:17, 12:17] = 1
    plain, tinted = (
        dressed(Worn(SIZE), one, true, true, predicted, cover=cover).face
        for one in (look, replace(look, overlay=overlay))
    )
    shift = (tinted - plain)[INSIDE].mean((1, 2))
    assert shift[1] > 0.05
    assert shift[1] > shift[0]


def test_a_face_appears_by_degrees_and_fades_when_it_turns_away():
    compositor = Compositor(look=Look(fade_frames=4))
    frames = [drawn_frame(number, 402, 302) for number in range(8)]
    crop, green = np.empty((3, SIZE, SIZE), np.float32), np.zeros((3, SIZE, SIZE), np.float32)
    green[1] = 0.6
    shown = []
    for frame in frames:
        compositor.crop(frame, AFFINE, crop)
        shown.append(compositor.paste(FACE, crop, green, None, AFFINE, frame=frame))
        for colour in (None, Colour("bt601"), Colour("bt601", True)):  # three kinds of sinks
            compositor.finish(frame, (shown[-1],), (), colour)
    assert [one.opacity for one in shown[:5]] == [0.25, 0.5, 0.75, 1.0, 1.0]
    blocks = np.abs(np.diff(shown[0].face[0, 64].astype(np.float64))) > 1e-4
    assert np.count_nonzero(blocks) <= 8  # of the true face a mosaic is seen, no more
    side = replace(FACE, landmarks=side_view())
    away = compositor.paste(side, crop, green, None, AFFINE, frame=frames[-1])
    assert away.opacity == 0


def side_view():
    """The 68 points of a mean head that looks to the side, by 75 degrees."""
    from swapcast.realtime.head_pose import HEAD

    turn = np.radians(75)
    x = HEAD[:, 0] * np.cos(turn) + HEAD[:, 2] * np.sin(turn)
    return np.stack([200 + 8 * x, 150 - 8 * HEAD[:, 1]], 1).astype(np.float32)
