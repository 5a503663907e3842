"""What the subject of a live enrolment is asked to do, and how it is seen that it was done."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from swapcast.realtime.enrol_relief import Relief, SkinTracks
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.head_pose import HeadPose
from swapcast.realtime.measures import Blink, Patch, correlation

Direction = Literal["left", "right", "up", "down"]

_FAR_ENOUGH: dict[Direction, float] = {"left": 20.0, "right": 20.0, "up": 9.0, "down": 9.0}
"""Degrees from rest, by the landmarks, which understate how far a head is raised."""
_BACK = 4.0
"""Degrees from rest at which a turn that showed too little may begin again."""
_RELIEF = 0.3
"""Least depth of the nose that a turn shows, of a mean head's. Rendered heads show 0.46 and more,
prints, bent to radii down to 6 cm too, 0.15 and less."""
_RANK = 0.04
"""Least third singular value of the skin's tracks over the second, turning to a side."""
_PARTED, _OPEN = 0.03, 0.12
"""Lengths of the nose by which an open mouth's lips part more than at rest: at least, and where
nothing else speaks for it."""
_CHANGED = 0.4
"""What an open mouth's looks lack of a full correlation with those at rest, likewise."""
_SHUT = 0.12
"""Lengths of the nose by which the lips of a mouth at rest part more than usual, at most."""
_WIDER = 1.07
"""Width of a smiling mouth over that at rest."""
_STILL = 0.04
"""Heights of the face by which a head at rest moves in a blink, at most."""
_STEADY = 6.0
"""Degrees by which it turns, at most."""
_HOLD = 0.25
"""Seconds for which a pose, a gape or a smile is to be seen."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame and what was measured in it."""

    frame: Frame
    face: Face
    pose: HeadPose
    mouth: float
    """Openness, in lengths of the nose."""
    width: float
    """Of the mouth, in distances between the eyes' outer corners."""
    lips: Patch
    """The mouth as it looks."""
    blink: Blink | None
    """That has just ended."""

    @property
    def at(self) -> float:
        """Seconds, on the clock of the frames."""
        return self.frame.captured_at


@dataclass(frozen=True, slots=True)
class Rest:
    """The subject looking into the camera, doing nothing."""

    yaw: float
    pitch: float
    mouth: float
    width: float
    lips: Patch

    @staticmethod
    def of(moments: list[Moment]) -> "Rest":
        """Take the median of some moments."""
        values = [(m.pose.yaw, m.pose.pitch, m.mouth, m.width) for m in moments]
        yaw, pitch, mouth, width = np.median(values, axis=0).tolist()
        lips: Patch = np.stack([m.lips for m in moments]).mean(0).astype(np.float32)
        return Rest(yaw, pitch, mouth, width, lips)

    def straight(self, moment: Moment) -> bool:
        """Tell whether the subject looks as at rest."""
        pose = moment.pose
        return abs(pose.yaw - self.yaw) < 10 and abs(pose.pitch - self.pitch) < 14

    def calm(self, moment: Moment) -> bool:
        """Tell whether the subject looks as at rest and the mouth is shut."""
        return self.straight(moment) and abs(moment.mouth - self.mouth) < _SHUT


class Challenge(Protocol):
    """Something that is asked of the subject."""

    name: str
    """In the record, and of the reference picture that is taken while it is met."""
    text: str
    """What the subject is asked."""
    seconds: float
    """In which it must be done."""

    def see(self, moment: Moment) -> bool:
        """Look at the next moment; tell whether the challenge is met by now."""
        ...

    def hint(self) -> str:
        """Say what is still missing, or nothing."""
        ...

    def measured(self) -> dict[str, str]:
        """Return what was measured, for the record."""
        ...


@dataclass
class Turn:
    """Turn the head to a side, up or down. Left and right are the subject's own."""

    direction: Direction
    rest: Rest
    name: str = field(init=False)
    text: str = field(init=False)
    seconds: float = 8.0
    angle: float = field(default=0.0, init=False)
    """Degrees from rest in the direction asked for, in the last frame."""
    relief: Relief = field(default=Relief(0.0, 0.0, 0), init=False)

    def __post_init__(self) -> None:
        self._side = self.direction in {"left", "right"}
        self.name = self.direction
        self.text = {
            "left": "turn your head to your left",
            "right": "turn your head to your right",
            "up": "raise your chin and look up",
            "down": "lower your chin and look down",
        }[self.direction]
        self._tracks: SkinTracks | None = None
        self._gone = False
        self._since: float | None = None

    def see(self, moment: Moment) -> bool:
        """Follow the skin; see whether the head has turned, and that it is no flat picture."""
        self.angle = self._angle(moment.pose)
        back = self._gone and abs(self.angle) < _BACK
        if self._tracks is None or back:
            self._tracks = SkinTracks(moment.frame, moment.face.landmarks, moment.pose)
        else:
            self._tracks.follow(moment.frame)
        self._gone = not back and (self._gone or self.angle >= _FAR_ENOUGH[self.direction])
        if self.angle < _FAR_ENOUGH[self.direction]:
            self._since = None
            return False
        self._since = moment.at if self._since is None else self._since
        self.relief = self._tracks.relief(moment.pose)
        return self._solid and moment.at - self._since >= _HOLD

    @property
    def _solid(self) -> bool:
        """Whether what turned has a nose."""
        flat = self._side and self.relief.rank < _RANK
        return self.relief.depth >= _RELIEF and not flat

    def _angle(self, pose: HeadPose) -> float:
        across, down = pose.yaw - self.rest.yaw, pose.pitch - self.rest.pitch
        return {"left": across, "right": -across, "up": -down, "down": down}[self.direction]

    def hint(self) -> str:
        """Say how much further to turn."""
        missing = _FAR_ENOUGH[self.direction] - self.angle
        if missing <= 0 and self._solid:
            return "hold it there"
        if missing <= 0:
            return "look straight, then turn again, slowly"
        more = "a little more " if missing < 10 else ""
        way = f"to your {self.direction}" if self._side else self.direction
        return f"{more}{way}, slowly"

    def measured(self) -> dict[str, str]:
        """Return the angle, and what the skin's tracks showed."""
        return {
            "degrees": f"{self.angle:.1f}",
            "relief": f"{self.relief.depth:.2f}",
            "rank": f"{self.relief.rank:.3f}",
            "points": str(self.relief.points),
        }


@dataclass
class BlinkTwice:
    """Close both eyes and open them again, twice."""

    rest: Rest
    name: str = "blink"
    text: str = "blink twice"
    seconds: float = 8.0
    blinks: list[Blink] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._recent: deque[Moment] = deque(maxlen=60)

    def see(self, moment: Moment) -> bool:
        """Count blinks of a head at rest: one that moves changes the eyes' looks too."""
        self._recent.append(moment)
        blink = moment.blink
        if blink is not None and self.rest.straight(moment) and self._still(blink.began_at - 0.1):
            self.blinks.append(blink)
        return len(self.blinks) >= 2

    def _still(self, since: float) -> bool:
        """Tell whether the head has neither moved nor turned since then."""
        recent = [moment for moment in self._recent if moment.at >= since]
        faces = np.stack([moment.face.landmarks for moment in recent])
        moved = float(np.ptp(faces[:, 27], axis=0).max()) / float(np.ptp(faces[-1, :, 1]))
        angles = np.array([(moment.pose.yaw, moment.pose.pitch) for moment in recent])
        return moved < _STILL and float(np.ptp(angles, axis=0).max()) < _STEADY

    def hint(self) -> str:
        """Say how many blinks were seen."""
        return f"{len(self.blinks)} seen; keep your head still"

    def measured(self) -> dict[str, str]:
        """Return how unlike the open eyes the closed ones were, and for how long."""
        return {
            "likeness": " ".join(f"{blink.likeness:.2f}" for blink in self.blinks),
            "seconds": " ".join(f"{blink.seconds:.2f}" for blink in self.blinks),
        }


@dataclass
class Held:
    """Something the mouth does for a moment: open wide, or smile."""

    name: str
    text: str
    rest: Rest
    measure: Callable[[Moment], float]
    """Rises from 0 at rest to 1 when it is done."""
    seconds: float = 8.0
    most: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._since: float | None = None

    def see(self, moment: Moment) -> bool:
        """See whether it is done, and held, while the head is straight."""
        value = self.measure(moment)
        self.most = max(self.most, value)
        if value < 1 or not self.rest.straight(moment):
            self._since = None
            return False
        self._since = moment.at if self._since is None else self._since
        return moment.at - self._since >= _HOLD

    def hint(self) -> str:
        """Encourage."""
        return "more" if self.most < 1 else "hold it, look straight"

    def measured(self) -> dict[str, str]:
        """Return the most that was seen, where 1 was asked for."""
        return {"most": f"{self.most:.2f}"}


def open_mouth(rest: Rest) -> Held:
    """Ask for a wide open mouth: the lips' landmarks part, the mouth looks different."""

    def measure(moment: Moment) -> float:
        parted = moment.mouth - rest.mouth
        changed = 1 - correlation(moment.lips, rest.lips)
        return min(parted / _PARTED, parted / _OPEN + changed / _CHANGED)

    return Held("mouth", "open your mouth wide", rest, measure)


def smile(rest: Rest) -> Held:
    """Ask for a smile."""
    wider = rest.width * (_WIDER - 1)
    return Held("smile", "smile broadly", rest, lambda m: (m.width - rest.width) / wider)
