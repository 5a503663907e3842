"""Which swap networks there are, and how one is made again from its checkpoint."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from swapcast.models.augmentation import Augmentation
from swapcast.models.cast import Cast, CastSettings
from swapcast.models.checkpoint import Checkpoint, CheckpointError
from swapcast.models.conditional_autoencoder import ConditionalAutoencoder, ConditionalSettings
from swapcast.models.conditional_gan import ConditionalGan, GanSettings
from swapcast.models.fader_net import FaderNet, FaderSettings
from swapcast.models.shared_autoencoder import (
    PRESETS,
    AutoencoderSettings,
    SharedAutoencoder,
)
from swapcast.models.simswap import SimSwap, SimSwapSettings
from swapcast.models.student import Student
from swapcast.models.student_settings import StudentSettings
from swapcast.models.swap_model import Learner, ModelSettings


class Preset(NamedTuple):
    """A network that `swapcast train` offers by name."""

    about: str
    settings: ModelSettings
    training: Mapping[str, Any] = MappingProxyType({})
    """Values of the training's settings that this network wants other than they are."""


ARCHITECTURES: Mapping[type[ModelSettings], type[Learner[Any]]] = {
    AutoencoderSettings: SharedAutoencoder,
    ConditionalSettings: ConditionalAutoencoder,
    GanSettings: ConditionalGan,
    FaderSettings: FaderNet,
    SimSwapSettings: SimSwap,
    StudentSettings: Student,
    CastSettings: Cast,
}
"""Every network class, by the class of its settings."""

READY: Mapping[str, Preset] = {
    "published-64": Preset(
        "The DeepFakes autoencoder as published, 64 pixels.", PRESETS["published-64"]
    ),
    "published-128": Preset(
        "The same with one halving more, 128 pixels.", PRESETS["published-128"]
    ),
    "live-128": Preset(
        "Narrow, with masks: 128 pixels at webcam rate on one processor core.", PRESETS["live-128"]
    ),
    "conditional-64": Preset(
        "Conditional autoencoder: one decoder, told whose face and what it does; 64 pixels.",
        ConditionalSettings(),
    ),
    "conditional-128": Preset(
        "The same with one halving more, 128 pixels.",
        ConditionalSettings(
            size=128, encoder=(32, 64, 128, 192, 192), decoder=(192, 192, 128, 64, 32)
        ),
    ),
    "gan-64": Preset(
        "Conditional GAN: from chance and attributes to a face; driven live; 64 pixels.",
        GanSettings(),
    ),
    "fader-64": Preset(
        "Fader network: slide light and smile, live, and swap; 64 pixels.", FaderSettings()
    ),
    "fader-128": Preset(
        "The same with one halving more, 128 pixels.",
        FaderSettings(size=128, encoder=(32, 64, 128, 192, 192), decoder=(192, 128, 64, 32)),
    ),
    "simswap-112": Preset(
        "SimSwap: identity by a recogniser's vector; 112 pixels, 2.9 GFLOP.", SimSwapSettings()
    ),
    "simswap-224": Preset(
        "SimSwap as published, 224 pixels.",
        SimSwapSettings(size=224, widths=(64, 128, 256, 512), judge=(64, 128, 256, 512)),
    ),
    "student": Preset(
        "The compact live student: any identity from portraits, 224 pixels; learns from pairs.",
        StudentSettings(channels=8),
        {
            "augmentation": Augmentation(
                turn=4, shift=0.02, colour=0.12, blur=0.2, noise=0.03, codec=0.3
            ),
            "batch": (8,),
            "rate": 1e-3,
            "warm_up": 200,
            "decay": "cosine",
            "steps": 40_000,
        },
    ),
    "cast": Preset(
        "A few people's faces in one compact network, 224 pixels; learns from pairs of them.",
        CastSettings(),
        {
            "augmentation": Augmentation(
                turn=12,
                zoom=0.1,
                shift=0.06,
                mirror=0.5,
                colour=0.25,
                blur=0.6,
                noise=0.03,
                codec=0.6,
            ),
            "batch": (8,),
            "rate": 2e-3,
            "warm_up": 300,
            "decay": "cosine",
            "steps": 20_000,
        },
    ),
}


def make(settings: ModelSettings, identities: tuple[str, ...]) -> Learner[Any]:
    """Make an untrained network of the form that its settings say."""
    return ARCHITECTURES[type(settings)](settings=settings, identities=identities)


def build(
    architecture: str, settings: Mapping[str, Any], identities: tuple[str, ...]
) -> Learner[Any]:
    """Make an untrained network from what a checkpoint says of it.

    Raises
    ------
    CheckpointError
        If this program does not know the architecture or a setting of it.
    """
    known = {model.architecture: kind for kind, model in ARCHITECTURES.items()}
    if architecture not in known:
        raise CheckpointError(f"unknown architecture {architecture!r}; update swapcast")
    try:
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()
        }
        return make(known[architecture](**values), identities)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the network's settings do not fit this program: {error}") from error


def load_model(checkpoint: Checkpoint) -> Learner[Any]:
    """Make the trained network of a checkpoint, with the running mean of its weights.

    Raises
    ------
    CheckpointError
        If the weights do not fit the settings.
    """
    model = build(checkpoint.architecture, checkpoint.settings, checkpoint.identities)
    try:
        model.load_state_dict(checkpoint.part("average"))
    except RuntimeError as error:
        raise CheckpointError(
            f"the checkpoint's weights do not fit its settings: {error}"
        ) from error
    return model.eval()
