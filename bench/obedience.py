"""Whether a network does what its attributes ask: ``python -m swapcast.bench.obedience RUN …``.

Faces are made with one attribute at −2, −1, 0, 1 and 2 standard deviations and the others as they
are. What came of it is measured by networks that had no part in the training: the head pose by
FSA-Net, a smile by an expression network's "happy", mouth and eyes by the face mesh's landmarks,
the light as brightness beside those. The mesh also says whether there is a face at all.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor

from swapcast.bench.evaluation_rows import correlation
from swapcast.bench.evaluators import Evaluators
from swapcast.models.architectures import load_model
from swapcast.models.attributes import NAMES, measure
from swapcast.models.checkpoint import CheckpointError, read_checkpoint
from swapcast.models.conditional_autoencoder import ConditionalAutoencoder
from swapcast.models.conditional_gan import ConditionalGan
from swapcast.models.faces import FaceSetError, load_faces
from swapcast.models.fader_net import FaderNet
from swapcast.models.training import CHECKPOINT
from swapcast.realtime.errors import SettingError

ASKED = (-2.0, -1.0, 0.0, 1.0, 2.0)
_SHOWN = 256  # pixels to which faces are enlarged before they are looked at
_AT_LEAST, _FOUND = 0.5, 0.9
_HAPPY = 1  # of the expression network's classes
Network = ConditionalAutoencoder | ConditionalGan | FaderNet


@dataclass(frozen=True, kw_only=True)
class Obedience:
    """Ask a conditional network for attributes and measure what it makes."""

    run: Annotated[Path, tyro.conf.Positional]
    """Folder of a training: conditional autoencoder, conditional GAN or Fader network."""
    identity: str
    """Whose face is made."""
    judges: Path
    """Folder with the judging networks' ONNX files, as for `swapcast evaluate`."""
    faces: Path
    """Face set of people who were not learned: what a Fader network is shown."""
    attributes: tuple[str, ...] = ()
    """Which are asked for; nothing given: all that the network knows."""
    count: int = 16
    """Faces for each value."""
    sheet: Path | None = None
    """Write a picture of the first faces, a row for each attribute, to this file."""
    json: Path | None = None
    """Write the figures to this file."""


@dataclass(frozen=True)
class Answer:
    """What came of asking for one attribute."""

    attribute: str
    found: float
    """Share of the made pictures in which a face was seen, 0…1."""
    correlation: float | None
    """Of what was asked for and what was measured; None where nothing could be compared."""
    means: tuple[float | None, ...]
    """Measured, for each value in `ASKED`; None where no face was seen."""

    @property
    def reached(self) -> bool:
        """Whether the network obeys."""
        obeys = self.correlation is not None and self.correlation >= _AT_LEAST
        return obeys and self.found >= _FOUND


def main(settings: Obedience) -> list[Answer]:
    """Ask, measure, print a table and write the figures.

    Raises
    ------
    SettingError
        If the network takes no attributes, or not those asked for.
    CheckpointError, FaceSetError
        If the training or the face set cannot be read.
    """
    cv2.setNumThreads(1)
    model = load_model(read_checkpoint(settings.run / CHECKPOINT))
    if not isinstance(model, Network):
        raise SettingError(f"{settings.run} is a {model.architecture}, which takes no attributes")
    if settings.identity not in model.identities:
        raise SettingError(f"{settings.run} has no identity {settings.identity!r}; it has "
                           f"{', '.join(model.identities)}")  # fmt: skip
    known = model.sliders if isinstance(model, FaderNet) else NAMES
    wanted = settings.attributes or known
    strange = [name for name in wanted if name not in known]
    if strange:
        raise SettingError(f"no attribute {strange[0]!r} in it; there are {', '.join(known)}")
    crops, box = _crops(settings, model.size)
    judges = Evaluators(settings.judges)
    answers, rows = [], []
    for name in wanted:
        made = [_ask(model, settings.identity, name, value, crops) for value in ASKED]
        answers.append(_answer(name, made, judges, box))
        rows.append(np.hstack([faces[0] for faces in made]))
    if settings.sheet is not None:
        cv2.imwrite(str(settings.sheet), np.vstack(rows)[..., ::-1])
    if settings.json is not None:
        plain = [{**vars(answer), "reached": answer.reached} for answer in answers]
        settings.json.write_text(json.dumps(plain, indent=1) + "\n")
    _show(answers)
    return answers


def _crops(settings: Obedience, size: int) -> tuple[Tensor, NDArray[np.float32]]:
    """Return faces to show, float32 [n, 3, size, size], and where faces lie in crops of 256."""
    faces = load_faces("the faces", [settings.faces], side=size)
    chosen = np.linspace(0, len(faces.images) - 1, settings.count).astype(int)
    points = faces.landmarks[chosen] * np.float32(_SHOWN / size)
    box = np.concatenate([points.min(1), points.max(1)], 1).mean(0)
    return torch.from_numpy(faces.images[chosen]).permute(0, 3, 1, 2).float() / 255, box


@torch.no_grad()
def _ask(
    model: Network, identity: str, name: str, value: float, crops: Tensor
) -> NDArray[np.uint8]:
    """Return faces with one attribute as wished, uint8 [n, 256, 256, 3], RGB."""
    if isinstance(model, FaderNet):
        sliders = torch.zeros(len(crops), len(model.sliders))
        sliders[:, model.sliders.index(name)] = value
        made = model.slide(crops, identity, sliders).face
    else:
        attributes = torch.zeros(len(crops), len(NAMES))
        attributes[:, NAMES.index(name)] = value
        # The same codes for every value, so that only the attribute differs.
        made = model.sample(identity, attributes, torch.Generator().manual_seed(1)).face
    pictures = (255 * made).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    size = (_SHOWN, _SHOWN)
    large = [cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in pictures]
    return np.asarray(np.stack(large), np.uint8)


def _answer(
    name: str, made: Sequence[NDArray[np.uint8]], judges: Evaluators, box: NDArray[np.float32]
) -> Answer:
    asked, measured = [], []
    for value, pictures in zip(ASKED, made, strict=True):
        for picture in pictures:
            sight = judges.at(np.ascontiguousarray(picture[..., ::-1]), box)
            if sight is not None:
                asked.append(value)
                read = measure(sight.landmarks[None], picture[None])[0]
                # FSA-Net's angles grow to the picture's left and upwards, ours to the other sides.
                others = {"yaw": -sight.pose[0], "pitch": -sight.pose[1]}
                others["smile"] = sight.expression[_HAPPY]
                measured.append(float(others.get(name, read[NAMES.index(name)])))
    total = sum(map(len, made))
    x, y = np.array(asked), np.array(measured)
    means = tuple(float(y[x == value].mean()) if (x == value).any() else None for value in ASKED)
    return Answer(name, len(asked) / total, correlation(x, y), means)


def _show(answers: Sequence[Answer]) -> None:
    table = Table("attribute", "found", "correlation", *(f"at {value:g}" for value in ASKED), "")
    for one in answers:
        known = "–" if one.correlation is None else f"{one.correlation:.2f}"
        means = ["–" if mean is None else f"{mean:.3g}" for mean in one.means]
        cells = [one.attribute, f"{one.found:.2f}", known, *means]
        table.add_row(*cells, "reached" if one.reached else "not reached")
    Console().print(table)


if __name__ == "__main__":
    try:
        main(tyro.cli(Obedience, prog="swapcast.bench.obedience"))
    except (SettingError, CheckpointError, FaceSetError) as error:
        sys.exit(f"swapcast: {error}")
