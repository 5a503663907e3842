"""What a user sees when something is wrong: one clear line and an exit code, never a traceback."""

import subprocess
import sys

import pytest


def swapcast(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "swapcast.realtime", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["swop"], 2, "no command 'swop'"),
        (["live", "--sink", "null", "--sink", "null"], 2, "given twice"),
        (["live", "--threads", "0"], 2, "at least 1"),
        (["live", "--source", "nothing.mp4", "--sink", "null"], 1, "nothing.mp4"),
        (["live", "--source", "synthetic", "--sink", "picture.xyz"], 1, "no sink 'picture.xyz'"),
        (["live", "--source", "synthetic", "--sink", "null", "--face", "bob"], 1, "no face 'bob'"),
        (["live", "--slider", "smile"], 2, "NAME=VALUE"),
        (["convert", "x.mp4", "y.mp4", "--slider", "smile=high"], 2, "NAME=VALUE"),
        (["live", "--config", "missing.toml"], 2, "cannot be read"),
        (["convert", "nothing.mp4", "out.mp4"], 1, "nothing.mp4"),
        (["face", "show", "bob"], 1, "no face 'bob'"),
        (["face", "add", "missing.face"], 1, "cannot be read"),
        (["cameras", "all"], 2, "no options"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, words, code, says):
    done = swapcast(*words, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_settings_come_from_a_file_and_the_line_goes_before_it(tmp_path):
    (tmp_path / "live.toml").write_text('source = "nothing.mp4"\nsink = ["null"]\nthreads = 2\n')
    assert "nothing.mp4" in swapcast("live", "--config", "live.toml", cwd=tmp_path).stderr
    done = swapcast("live", "--config", "live.toml", "--source", "other.mp4", cwd=tmp_path)
    assert "other.mp4" in done.stderr


def test_a_setting_that_is_not_there_is_named(tmp_path):
    (tmp_path / "live.toml").write_text("sauce = 1\n")
    done = swapcast("live", "--config", "live.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "sauce" in done.stderr


@pytest.mark.parametrize(
    "text", [b"a = " + b"[" * 5000, b"a = " + b"9" * 5000, b"\xff", b"a = 1\na"]
)
def test_a_settings_file_that_is_none_is_said_in_one_line(tmp_path, text):
    (tmp_path / "live.toml").write_bytes(text)
    done = swapcast("live", "--config", "live.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no TOML file" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
