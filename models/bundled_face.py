"""The bundled generic network that a training can begin with: ``--start base``.

It is the bundled demo face, read back from its pack: an encoder that has learned to read many
people, and a decoder that has learned what faces are like. Every new identity's decoder begins as a
copy of that one, so that a recognisable face is minutes away instead of hours.
"""

import json
import zipfile
from importlib import resources
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from swapcast.models.checkpoint import CheckpointError
from swapcast.models.shared_autoencoder import PRESETS, SharedAutoencoder

WORD = "base"
"""What stands for it in ``--start``."""
FORM = "live-128"
"""Its preset."""
_PACK, _NETWORK = "demo.face", "swapper.onnx"


def load_base() -> SharedAutoencoder:
    """Return the bundled network, with one identity.

    Raises
    ------
    CheckpointError
        If the bundled pack is missing or is no network of that form.
    """
    proto, about = _read()
    try:
        model = SharedAutoencoder(settings=PRESETS[FORM], identities=(str(about["identity"]),))
        model.load_state_dict({_place(name): value for name, value in _weights(proto)})
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the bundled base cannot be read: {error}") from error
    return model.eval()


def base_provenance() -> dict[str, list[dict[str, Any]]]:
    """Return where the faces come from that the bundled network has learned, by identity.

    Raises
    ------
    CheckpointError
        If the bundled pack is missing or does not say.
    """
    _, about = _read()
    try:
        told = about["provenance"]
        return {str(about["identity"]): told["identity"], **told["others"]}
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"the bundled base does not say what it learned: {error}") from error


def _read() -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Return the network and what it says of itself."""
    try:
        pack = resources.files("swapcast.assets") / _PACK
        with pack.open("rb") as file, zipfile.ZipFile(file) as members:
            proto = onnx.load_from_string(members.read(_NETWORK))
        return proto, json.loads({p.key: p.value for p in proto.metadata_props}["swapcast"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"the bundled base cannot be read: {error}") from error


def _weights(proto: onnx.ModelProto) -> list[tuple[str, Tensor]]:
    """Return a network's parameters by the names that the training knows them by."""
    kept = [w for w in proto.graph.initializer if w.name.startswith(("encoder.", "decoder."))]
    values = [numpy_helper.to_array(weight).astype(np.float32) for weight in kept]
    names = [weight.name.removesuffix(".half") for weight in kept]
    return [(name, torch.from_numpy(v)) for name, v in zip(names, values, strict=True)]


def _place(name: str) -> str:
    return name.replace("decoder.", "decoders.0.", 1) if name.startswith("decoder.") else name
