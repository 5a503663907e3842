"""Something that may be a true face, and what is decided about it look by look."""

from dataclasses import dataclass, field
from typing import Literal

from swapcast.realtime.detector import Detection
from swapcast.realtime.places import Box

SOON = 3
"""Looks after which it may be decided what something is."""
DECIDED = 5
"""Looks after which it is."""
NOTHING, FACE = 0.35, 0.8
"""Presence below which something is nothing, and from which it is a face."""


@dataclass(slots=True)
class Suspect:
    """Something that may be a true face, until it is decided what it is."""

    box: Box
    verdict: Literal["undecided", "face", "stranger", "nothing"] = "undecided"
    seen: list[float] = field(default_factory=list)
    """Presence in the last closer looks."""
    beside: int = 0
    """Frames in a row in which it was there beside a wearer whose swap was confirmed."""
    age: int = 0
    """Frames since the verdict."""
    unseen: int = 0
    """Frames since it was there."""
    belongs: int | None = None
    """Track of a face of which it is known already what to do, if this is only a part of it."""
    hit: Detection | None = None
    """What the check saw last, if it was the check that saw it."""

    def learn(self, presence: float) -> None:
        """Take in one closer look, and decide if that is possible now."""
        if self.verdict == "nothing":
            if presence < NOTHING:
                self.age = 0
                return
            self.verdict, self.seen = "undecided", []
        self.seen = [*self.seen[1 - DECIDED :], presence]
        likely = sum(self.seen) / len(self.seen)
        if len(self.seen) < SOON:
            return
        if likely < NOTHING:
            self.verdict, self.age, self.seen = "nothing", 0, []
        elif self.verdict == "stranger":
            self.age = 0
        elif len(self.seen) == DECIDED or likely >= FACE:
            self.verdict = "face"

    def take_for_stranger(self) -> None:
        """Leave it as it is, if it is a face."""
        if self.verdict == "face":
            self.verdict, self.age = "stranger", 0
