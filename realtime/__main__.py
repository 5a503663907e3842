"""The command line: `swapcast COMMAND …`."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module, metadata

from swapcast.realtime.errors import SettingError, SwapcastError

# What each command does, and the function that takes the rest of the line. The modules are
# imported when their command is called: `swapcast --help` answers at once, `live` needs no torch.
COMMANDS = {
    "demo": ("show that it works: no camera, no download", "swapcast.realtime.commands:demo"),
    "live": ("camera in, swapped face out, live", "swapcast.realtime.commands:live"),
    "ctl": ("cover the picture of a running `live`, or show it", "swapcast.realtime.commands:ctl"),
    "convert": ("swap a face in every frame of a clip", "swapcast.realtime.commands:convert"),
    "looks": ("list and show the looks", "swapcast.realtime.commands:looks"),
    "face": ("keep faces and the consent behind them", "swapcast.realtime.commands:face"),
    "verify": ("read the marks of a file", "swapcast.realtime.verify:verify_command"),
    "cameras": ("list the cameras and their modes", "swapcast.realtime.commands:cameras"),
    "doctor": ("say what is missing and how to mend it", "swapcast.realtime.commands:doctor"),
    "extract": ("make a face set from clips or pictures", "swapcast.realtime.commands:extract"),
    "faces": ("draw people to train with", "swapcast.models.faces_command:faces_command"),
    "train": ("train a swapper on face sets", "swapcast.models.__main__:train_command"),
    "export": ("make a .face pack from a training", "swapcast.realtime.commands:export"),
    "evaluate": ("judge how well faces are worn", "swapcast.bench.evaluation:evaluate_command"),
    "tune": ("find out what computes a face fastest here", "swapcast.realtime.commands:tune"),
    "models": ("fetch a model file", "swapcast.realtime.commands:models"),
    "bench": ("measure loop, kernels, runners", "swapcast.bench.__main__:bench_command"),
}


def program() -> None:
    """Be the program `swapcast`: run one command, and end even if something hangs in a driver."""
    try:
        main()
    except SystemExit as end:
        if threading.active_count() > 1:
            # Python would wait for the thread that hangs, or crash at its own end.
            if isinstance(end.code, str):
                sys.stderr.write(f"{end.code}\n")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    line = list(sys.argv[1:] if argv is None else argv)
    if not line or line[0] in {"-h", "--help"}:
        sys.stdout.write(_usage())
        sys.exit(0 if line else 2)
    if line[0] == "--version":
        sys.stdout.write(f"swapcast {metadata.version('swapcast')}\n")
        sys.exit(0)
    if line[0] not in COMMANDS:
        _fail(f"no command {line[0]!r}; there are: {', '.join(COMMANDS)}", 2)
    try:
        _load(COMMANDS[line[0]][1])(line[1:])
    except SettingError as error:
        _fail(str(error), 2)
    except SwapcastError as error:
        _fail(str(error), 1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("swapcast"):
            raise
        _fail(f"{line[0]} needs {error.name}: pip install 'swapcast[train]'", 1)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain once more at its own exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _load(place: str) -> Callable[[Sequence[str]], None]:
    module, name = place.split(":")
    command: Callable[[Sequence[str]], None] = getattr(import_module(module), name)
    return command


def _usage() -> str:
    rows = "\n".join(f"  {name:<9} {what}" for name, (what, _) in COMMANDS.items())
    return (
        "usage: swapcast COMMAND [options]     (swapcast COMMAND --help tells them)\n\n"
        f"{rows}\n\nA face is used only with its consent record: see `swapcast face --help`.\n"
    )


def _fail(text: str, code: int) -> None:
    sys.stderr.write(f"swapcast: {text}\n")
    sys.exit(code)


if __name__ == "__main__":
    program()
