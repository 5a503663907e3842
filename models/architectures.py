"""Which swap networks there are, and how one is made again from its checkpoint."""

from collections.abc import Mapping
from typing import Any

from swapcast.models.checkpoint import Checkpoint, CheckpointError
from swapcast.models.shared_autoencoder import AutoencoderSettings, SharedAutoencoder


def build(
    architecture: str, settings: Mapping[str, Any], identities: tuple[str, ...]
) -> SharedAutoencoder:
    """Make an untrained network from what a checkpoint says of it.

    Raises
    ------
    CheckpointError
        If this program does not know the architecture or a setting of it.
    """
    if architecture != "shared_autoencoder":
        raise CheckpointError(f"unknown architecture {architecture!r}; update swapcast")
    try:
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()
        }
        form = AutoencoderSettings(**values)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the network's settings do not fit this program: {error}") from error
    return SharedAutoencoder(settings=form, identities=identities)


def load_model(checkpoint: Checkpoint) -> SharedAutoencoder:
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
