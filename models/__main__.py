"""``python -m swapcast.models MODEL --data A=FACES B=FACES --out RUN``: train a swap network."""

import signal
import sys
from collections.abc import Sequence

import tyro

from swapcast.models.checkpoint import CheckpointError
from swapcast.models.faces import FaceSetError
from swapcast.models.shared_autoencoder import PRESETS
from swapcast.models.train_settings import TrainingError, TrainSettings
from swapcast.models.training import train

DESCRIPTIONS = {
    "published-64": "The DeepFakes autoencoder as published, 64 pixels.",
    "published-128": "The same with one halving more, 128 pixels.",
    "live-128": "Narrow, with masks: 128 pixels at webcam rate on one processor core.",
}


def read_settings(args: Sequence[str]) -> TrainSettings:
    """Read the training's settings from a command line: ``MODEL --data … --out RUN …``."""
    configs = {
        name: (
            DESCRIPTIONS[name],
            TrainSettings(data=tyro.MISSING, out=tyro.MISSING, model=preset),
        )
        for name, preset in PRESETS.items()
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
