"""Looks can be chosen, written down, and changed while the picture runs."""

import json

import pytest

from swapcast.realtime import look_command
from swapcast.realtime.control import controlled, run
from swapcast.realtime.cover import Cover
from swapcast.realtime.errors import SettingError
from swapcast.realtime.look import PRESETS, Look, find_look, read_look
from swapcast.realtime.look_switch import KEYS, LookSwitch
from swapcast.realtime.meter import Meter


def test_every_bundled_look_can_be_shown_and_read_back(tmp_path):
    for name in PRESETS:
        path = tmp_path / f"{name}.toml"
        said = []
        look_command.run(["show", name], said.append)
        path.write_text("\n".join(said))
        assert find_look(str(path)) == find_look(name)
    assert find_look("natural") == Look()
    assert find_look("seamless").blend == "poisson"


def test_a_look_of_ones_own_says_only_what_is_different(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('based_on = "seamless"\nforehead = 0.2\n')
    look = find_look(str(path))
    assert (look.name, look.blend, look.forehead) == ("mine", "poisson", 0.2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("feather = 2", "feather is 2; it goes from"),
        ('blend = "magic"', "it may be feather, multiband, poisson, mixed"),
        ("detail = true", "must be a number"),
        ("keep_eyes = 1", "must be true or false"),
        ("fade_frames = 2.5", "must be a number"),
        ("feather = nan", "feather is nan"),
        ("sparkle = 1", "a look has no 'sparkle'"),
        ('based_on = "odd"', "is based on 'odd'"),
        ("= 3", "no TOML"),
    ],
)
def test_what_is_no_look_is_refused_in_one_line(text, says):
    with pytest.raises(SettingError, match=says):
        read_look(text, "mine")


@pytest.mark.parametrize("name", ["odd", "odd.toml"])
def test_a_look_that_is_not_there_is_named(name):
    with pytest.raises(SettingError, match=r"odd.*(there are natural|cannot be read)"):
        find_look(name)


def test_the_command_lists_looks_and_keys():
    said = []
    look_command.run([], said.append)
    look_command.run(["keys"], said.append)
    assert [line.split()[0] for line in said] == [*PRESETS, *KEYS]
    with pytest.raises(SettingError, match="usage"):
        look_command.run(["paint"], said.append)


def test_each_key_changes_the_look_and_comes_round_again():
    worn = []
    for key in KEYS:
        switch = LookSwitch(Look(), worn.append)
        for _ in range(14):
            switch.key(key)
            if worn[-1] == Look():
                break
        assert worn.pop() == Look()
        assert len(set(map(repr, worn))) == len(worn) > 0
        worn.clear()
    switch.key("z")
    assert not worn


def test_ctl_changes_the_look_of_a_running_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    worn, said, told = [], [], []
    own = read_look("feather = 0.1", "mine")
    switch = LookSwitch(own, worn.append, told.append)
    with controlled(Cover(), Meter(), switch):
        run(["look", "seamless"], said.append)
        run(["look", "mine"], said.append)
        with pytest.raises(SettingError, match=r"no look 'x'; there are natural.*mine"):
            run(["look", "x"], said.append)
    assert [json.loads(line)["look"] for line in said] == ["seamless", "mine"]
    assert worn == [find_look("seamless"), own]
    assert told == ["look seamless", "look mine"]
