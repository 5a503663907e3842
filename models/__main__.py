"""``python -m swapcast.models MODEL --data A=FACES B=FACES --out RUN``: train a swap network."""

import signal
import sys
from collections.abc import Sequence

import tyro

from swapcast.models.architectures import READY
from swapcast.models.checkpoint import CheckpointError
from swapcast.models.faces import FaceSetError
from swapcast.models.train_run import train
from swapcast.models.train_settings import TrainingError, TrainSettings


def read_settings(args: Sequence[str]) -> TrainSettings:
    """Read the training's settings from a command line: ``MODEL --data … --out RUN …``."""
    configs = {
        name: (
            preset.about,
            TrainSettings(
                data=tyro.MISSING, out=tyro.MISSING, model=preset.settings, **preset.training
            ),
        )
        for name, preset in READY.items()
    }
    return tyro.extras.overridable_config_cli(configs, prog="swapcast train", args=list(args))


def train_command(args: Sequence[str]) -> None:
    """Run `swapcast train`; what cannot work ends the program with one line and exit code 1.

    Ctrl-C and SIGTERM save the run before they end it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        train(read_settings(args))
    except (TrainingError, FaceSetError, CheckpointError) as error:
        sys.exit(f"swapcast: {error}")


if __name__ == "__main__":
    train_command(sys.argv[1:])
