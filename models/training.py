"""The state of a training: weights, their running mean, optimisers, and one step after another."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from swapcast.models.architectures import load_model, make
from swapcast.models.bundled_face import FORM, WORD, base_provenance, load_base
from swapcast.models.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from swapcast.models.embedder import EmbedderError
from swapcast.models.feeds import open_feed
from swapcast.models.swap_model import Learner
from swapcast.models.train_settings import TrainingError, TrainSettings

CHECKPOINT = "checkpoint.safetensors"
_BEFORE = "before: "  # of names in the provenance: learned by the network that a run began with
LARGEST_GRADIENT = 1.0  # norm; a rare batch with a steeper one has thrown trained networks far back


class Training:
    """A run in progress.

    Parameters
    ----------
    settings : what to learn
    fabric : where; launched

    Raises
    ------
    TrainingError, FaceSetError, CheckpointError
        If it cannot begin.
    """

    def __init__(self, settings: TrainSettings, fabric: Fabric) -> None:
        self.settings, self.fabric = settings, fabric
        self.feed = open_feed(settings, fabric.device)
        names = self.feed.names
        # Every process draws faces of its own; their weights begin alike.
        self.random = torch.Generator().manual_seed(settings.seed + fabric.global_rank)
        torch.manual_seed(settings.seed)
        model = make(settings.model, names)
        try:
            self.feed.prepare(model)
        except (ValueError, EmbedderError) as error:
            raise TrainingError(str(error)) from error
        self.before: dict[str, Any] = {}
        if settings.start is not None:
            self.before = _begin_with(model, settings.start)
        self.model: Learner[Any] = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parts = {name: nn.ModuleList(parts) for name, parts in model.players().items()}
        optimisers = [
            torch.optim.Adam(part.parameters(), lr=settings.rate, betas=(0.5, 0.999), fused=True)
            for part in self.parts.values()
        ]
        self.net, *prepared = fabric.setup(self.model, *optimisers)
        self.net.mark_forward_method("losses")
        self.optimisers = dict(zip(self.parts, prepared, strict=True))
        self.mean = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.counts = settings.batch * (self.feed.parts // len(settings.batch))
        self.step = 0
        self.losses: dict[str, float] = {}

    def learn(self) -> None:
        """Take one step; every player has its turn.

        Raises
        ------
        TrainingError
            If the loss is no longer a number.
        torch.OutOfMemoryError
            If a batch is too large. Nothing was learned from it.
        """
        self._set_rate()
        batches = [
            self.feed.draw(self.counts, self.random) for _ in range(self.settings.accumulate)
        ]
        parts: dict[str, float] = {}
        for player, optimiser in self.optimisers.items():
            optimiser.zero_grad(set_to_none=True)
            for index, batch in enumerate(batches):
                more = index + 1 < len(batches)
                with self.fabric.no_backward_sync(self.net, enabled=more):
                    self._backward(player, batch, parts)
            self.fabric.clip_gradients(
                self.parts[player], optimiser, max_norm=LARGEST_GRADIENT, error_if_nonfinite=False
            )
            optimiser.step()
        self.step += 1
        self._remember(parts)

    def _backward(self, player: str, batches: Mapping[str, Any], sums: dict[str, float]) -> None:
        """Add one batch's gradients, and its losses to ``sums``."""
        made = self.net.losses(batches, player, self.step)
        loss = torch.stack(list(made.values())).sum()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {float(loss)} at step {self.step}; "
                "resume from the last checkpoint with a smaller --rate"
            )
        self.fabric.backward(loss / self.settings.accumulate)
        for name, part in made.items():
            sums[name] = sums.get(name, 0.0) + float(part.detach()) / self.settings.accumulate

    def _set_rate(self) -> None:
        settings, share = self.settings, 1.0
        if settings.decay == "cosine":
            share = 0.5 * (1 + math.cos(math.pi * min(self.step / settings.steps, 1.0)))
        if self.step < settings.warm_up:
            share *= (self.step + 1) / settings.warm_up
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = settings.rate * share

    def _remember(self, parts: Mapping[str, float]) -> None:
        """Move the running means, of the weights and of the losses."""
        # Early on the means forget faster, or they would remember the random start for long.
        early = self.step / (self.step + 10)
        keep = min(self.settings.average, early)
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.mean[name].lerp_(value, 1 - keep)
                else:
                    self.mean[name].copy_(value)
        for name, value in parts.items():
            before = self.losses.get(name, value)
            self.losses[name] = value + min(0.98, early) * (before - value)

    @property
    def loss(self) -> float:
        """The whole loss, as running mean."""
        return math.fsum(self.losses.values())

    def reached(self) -> bool:
        """Whether the goal that the settings name is reached."""
        goal = self.settings.goal()
        if goal is None or not self.losses:
            return False
        name, value = goal
        if name != "loss" and name not in self.losses:
            raise TrainingError(
                f"--until names {name!r}; the parts of the loss are {', '.join(self.losses)}"
            )
        return (self.loss if name == "loss" else self.losses[name]) <= value

    def halve(self) -> bool:
        """Make the batches half as large; False if they are as small as can be."""
        smaller = tuple(max(1, count // 2) for count in self.counts)
        changed = smaller != self.counts
        self.counts = smaller
        return changed

    def checkpoint(self) -> Checkpoint:
        """Return the state as it is now; every process must ask for it."""
        tensors: dict[str, Tensor] = {
            name: self.fabric.all_gather(state.to(self.fabric.device))
            .reshape(self.fabric.world_size, -1)
            .cpu()
            for name, state in (
                ("random", self.random.get_state()),  # draws faces
                ("chance", torch.get_rng_state()),  # networks' own noise
            )
        }
        tensors |= {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.mean.items()}
        for player, optimiser in self.optimisers.items():
            for index, values in optimiser.state_dict()["state"].items():
                start = f"optimiser.{player}.{index}"
                tensors |= {f"{start}.{key}": value for key, value in values.items()}
        return Checkpoint(
            architecture=self.model.architecture,
            settings=asdict(self.settings.model),
            identities=self.model.identities,
            provenance={**self.before, **self.feed.provenance()},
            step=self.step,
            losses=self.losses,
            tensors=tensors,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a state of this same run.

        Raises
        ------
        CheckpointError
            If the checkpoint is of another network or other identities.
        """
        kept = json.dumps(
            [checkpoint.architecture, dict(checkpoint.settings), checkpoint.identities]
        )
        own = [self.model.architecture, asdict(self.settings.model), self.model.identities]
        if kept != json.dumps(own):
            raise CheckpointError(
                "the run was begun with other identities or another form of the network; "
                "resume with the same settings, or begin a new run with --start"
            )
        try:
            self.model.load_state_dict(checkpoint.part("model"))
            for name, value in checkpoint.part("average").items():
                self.mean[name].copy_(value)
            for player, optimiser in self.optimisers.items():
                _restore(optimiser, self.parts[player], checkpoint.part(f"optimiser.{player}"))
            rank = self.fabric.global_rank % len(checkpoint.tensors["random"])
            self.random.set_state(checkpoint.tensors["random"][rank])
            torch.set_rng_state(checkpoint.tensors["chance"][rank])
        except (RuntimeError, LookupError, ValueError) as error:
            raise CheckpointError(f"the checkpoint does not fit this run: {error}") from error
        self.step, self.losses = checkpoint.step, dict(checkpoint.losses)
        earlier = {k: v for k, v in checkpoint.provenance.items() if k.startswith(_BEFORE)}
        self.before = {**self.before, **earlier}


def _restore(
    optimiser: torch.optim.Optimizer, module: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    weights = list(module.parameters())
    for name, value in tensors.items():
        index, key = name.split(".")
        # Fused Adam walks through memory: its state must lie there as the weights do.
        laid = torch.empty_like(weights[int(index)]).copy_(value) if value.dim() else value
        state.setdefault(int(index), {})[key] = laid.detach()
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _begin_with(model: Learner[Any], start: Path) -> dict[str, Any]:
    """Take over what another network has learned, and return from whom it learned that."""
    bundled = str(start) == WORD
    other: Learner[Any]
    if bundled:
        other, learned = load_base(), base_provenance()
    else:
        checkpoint = read_checkpoint(start / CHECKPOINT)
        other, learned = load_model(checkpoint), dict(checkpoint.provenance)
    try:
        model.begin_with(other)
    except (RuntimeError, TypeError) as error:
        if bundled:
            raise CheckpointError(f"the bundled base is a {FORM} with all its settings; "
                                  f"train {FORM} --start {WORD}") from error  # fmt: skip
        raise CheckpointError(f"the run to start from has another form: {error}") from error
    return {_BEFORE + name.removeprefix(_BEFORE): told for name, told in learned.items()}
