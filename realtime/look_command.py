"""`swapcast looks`: which looks there are, and what is in them."""

from collections.abc import Callable, Sequence
from importlib import resources

from swapcast.realtime.errors import SettingError
from swapcast.realtime.look import PRESETS, find_look
from swapcast.realtime.look_switch import KEYS

_USAGE = "usage: swapcast looks [list | show NAME|FILE.toml | keys]"


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """List the looks, show one as TOML, or tell the keys of the preview window.

    Parameters
    ----------
    argv : words of the command line
    say : callable
        Is told the answer, line by line.

    Raises
    ------
    SettingError
        If the words are no order, or there is no such look.
    """
    words = list(argv) or ["list"]
    if words in (["-h"], ["--help"]):
        say(_USAGE)
    elif words == ["list"]:
        for name in PRESETS:
            text = (resources.files("swapcast.assets") / f"look_{name}.toml").read_text("utf-8")
            say(f"{name:<12} {text.splitlines()[0].removeprefix('# ')}")
    elif words == ["keys"]:
        for key, what in KEYS.items():
            say(f"{key}  {what}")
    elif len(words) == 2 and words[0] == "show":
        say(find_look(words[1]).toml().rstrip())
    else:
        raise SettingError(_USAGE)
