"""The visible badge is small, in its corner, and nowhere else."""

from typing import get_args

import numpy as np
import pytest

from swapcast.realtime.badge import Badge
from swapcast.realtime.badge_choice import BadgeCorner, BadgeStyle
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.frame import Colour, Frame
from swapcast.realtime.settings import Convert, Live

STYLES = [style for style in get_args(BadgeStyle) if style != "off"]


def frame(width=640, height=360, level=110, colour=None):
    y = np.full((height, width), level, np.uint8)
    u, v = (np.full((height // 2, width // 2), 120, np.uint8) for _ in range(2))
    return Frame(y, u, v, width, height, colour or Colour(), 0, 0.0)


def changed(badge, of):
    """Where the badge changes the picture: left, top, right, bottom."""
    bare, with_badge = Compositor().finish(of, (), ()), Compositor(badge=badge).finish(of, (), ())
    for plane, other in zip(bare.planes[1:], with_badge.planes[1:], strict=True):
        assert (plane != other).any()
    rows, columns = np.nonzero(bare.planes[0] != with_badge.planes[0])
    return columns.min(), rows.min(), columns.max(), rows.max()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("corner", get_args(BadgeCorner))
def test_it_touches_only_a_small_patch_in_its_corner(style, corner):
    left, top, right, bottom = changed(Badge(style, corner), frame())
    assert right - left < 640 * 0.16
    assert bottom - top < 360 * 0.07
    assert (left < 30) == corner.endswith("left")
    assert (right > 610) == corner.endswith("right")
    assert (top < 30) == corner.startswith("top")
    assert (bottom > 330) == corner.startswith("bottom")


@pytest.mark.parametrize("level", [16, 128, 235])
def test_its_letters_stand_out_on_any_picture(level):
    for colour in (Colour("bt601"), Colour("bt709", True)):
        picture = Compositor(badge=Badge()).finish(frame(level=level, colour=colour), (), ())
        patch = picture.planes[0][320:350, 540:630].astype(int)
        assert patch.max() - patch.min() > 80


def test_a_picture_too_small_for_it_is_left_alone():
    tiny = frame(16, 16)
    pictures = [Compositor(badge=one).finish(tiny, (), ()) for one in (None, Badge())]
    np.testing.assert_array_equal(pictures[0].data, pictures[1].data)


def test_it_costs_no_pass_over_the_frame():
    compositor = Compositor(badge=Badge())
    for _ in range(3):
        compositor.finish(frame(), (), ())
    assert compositor.full_frame_passes == 3


def test_it_is_there_unless_it_is_switched_off(tmp_path):
    clip = tmp_path / "a.mp4"
    for settings in (Live(), Convert(source=clip, out=clip)):
        assert settings.badge == "label"
    assert Live(badge="off").badge == "off"
