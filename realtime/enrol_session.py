"""A live enrolment from the first frame to the last challenge; nothing leaves memory."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from swapcast.realtime.enrol_challenges import (
    BlinkTwice,
    Challenge,
    Moment,
    Rest,
    Turn,
    open_mouth,
    smile,
)
from swapcast.realtime.enrol_digits import Loudness, SayDigits
from swapcast.realtime.enrol_references import NAMES, References, fault
from swapcast.realtime.errors import ConsentError
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.head_pose import head_pose
from swapcast.realtime.measures import BlinkWatch, mouth_openness, mouth_patch, mouth_width

KINDS = ("left", "right", "up", "down", "blink", "mouth", "smile", "digits")

_SETTLE = 0.7
"""Seconds of looking straight before the first challenge, and half as long before the others."""
_PATIENCE = 30.0
"""Seconds to sit right, in good light, before the first challenge; a third of it between two."""
_GONE = 0.5
"""Seconds without the face after which the enrolment ends."""


@dataclass
class Enrolment:
    """Asks for every challenge once, in random order, of one face that never leaves the picture.

    Parameters
    ----------
    rng : random
        Draws the order and the digits; a `random.SystemRandom` in earnest.
    sound : sequence of `Loudness`, optional
        What the microphone hears; it grows by itself.
    kinds : sequence of str
        The challenges to ask for.
    """

    rng: random.Random
    sound: Sequence[Loudness] | None = None
    kinds: Sequence[str] = KINDS
    log: list[dict[str, Any]] = field(default_factory=list, init=False)
    """Each challenge: what, asked and passed at (seconds from the first frame), measured."""
    references: References = field(default_factory=References, init=False)
    done: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._left = list(self.kinds)
        self.rng.shuffle(self._left)
        self._rest: Rest | None = None
        self._calm: list[Moment] = []
        self._front = References()
        self._now: Challenge | None = None
        self._asked_at = self._settle_from = 0.0
        self._begun: float | None = None
        self._track: int | None = None
        self._seen_at = 0.0
        self._blinks = BlinkWatch()

    def see(self, frame: Frame, faces: Sequence[Face]) -> str:
        """Look at the next frame; return what the subject is to be told now.

        Raises
        ------
        ConsentError
            If a challenge was not met in its time, or the face was lost: nobody was enrolled.
        """
        at = frame.captured_at
        if self._begun is None:
            self._begun = self._settle_from = self._seen_at = at
        if self.done:
            return "done"
        face = self._subject(faces, at)
        if face is None:
            self._calm.clear()
            self._end_if_late(at)
            return "show your face, alone" if not faces else "one person only"
        moment = self._measured(frame, face)
        if self._now is None:
            return self._settle(moment)
        return self._challenge(self._now, moment)

    def _subject(self, faces: Sequence[Face], at: float) -> Face | None:
        """Return the one face in the picture; small ones far behind do not count."""
        tall = [float(np.ptp(face.landmarks[:, 1])) for face in faces]
        near = [f for f, t in zip(faces, tall, strict=True) if t > 0.5 * max(tall)]
        if len(near) == 1 and (self._track is None or near[0].track == self._track):
            self._seen_at = at
            if self._rest is not None:
                self._track = near[0].track
            return near[0]
        if self._rest is not None and at - self._seen_at > _GONE:
            raise ConsentError(
                "the face was lost or another one came; nobody was enrolled, begin again"
            )
        return None

    def _measured(self, frame: Frame, face: Face) -> Moment:
        marks = face.landmarks
        pose = head_pose(marks, frame.width, frame.height)
        blink = self._blinks(frame, marks)
        mouth, width, lips = mouth_openness(marks), mouth_width(marks), mouth_patch(frame, marks)
        return Moment(frame, face, pose, mouth, width, lips, blink)

    def _settle(self, moment: Moment) -> str:
        """Wait until the subject looks straight and calm; then ask for the next challenge."""
        first = self._rest is None
        wrong = fault(moment) or self._off(moment)
        if wrong:
            self._calm.clear()
            self._end_if_late(moment.at)
            return wrong
        self._calm.append(moment)
        mend = self._front.offer("front", moment)
        if mend:
            self._end_if_late(moment.at)
            return mend
        if moment.at - self._calm[0].at < (_SETTLE if first else _SETTLE / 2):
            return "look straight into the camera"
        if first:
            self._rest, self._track = Rest.of(self._calm), moment.face.track
        self._calm.clear()
        return self._next(moment)

    def _off(self, moment: Moment) -> str:
        if self._rest is not None:
            return "" if self._rest.calm(moment) else "look straight into the camera, mouth shut"
        straight = abs(moment.pose.yaw) < 14 and abs(moment.pose.pitch) < 20
        return "" if straight else "look straight into the camera"

    def _next(self, moment: Moment) -> str:
        assert self._rest is not None
        if not self._left:
            self.done = True
            return "done"
        self._now = self._made(self._left.pop(), self._rest)
        self._asked_at = moment.at
        self._now.see(moment)
        return self._now.text

    def _made(self, kind: str, rest: Rest) -> Challenge:
        makers: dict[str, Callable[[], Challenge]] = {
            "left": lambda: Turn("left", rest),
            "right": lambda: Turn("right", rest),
            "up": lambda: Turn("up", rest),
            "down": lambda: Turn("down", rest),
            "blink": lambda: BlinkTwice(rest),
            "mouth": lambda: open_mouth(rest),
            "smile": lambda: smile(rest),
            "digits": lambda: SayDigits(self.rng, self.sound),
        }
        return makers[kind]()

    def _challenge(self, asked: Challenge, moment: Moment) -> str:
        met = asked.see(moment)
        pictured = met and asked.name in NAMES
        mend = self.references.offer(asked.name, moment) if pictured else ""
        if met and not mend:
            self._note(asked, moment.at)
            if isinstance(asked, Turn):
                # The skin was followed from this front to the turned head: it is the same one's.
                self.references.take("front", self._front)
            self._now, self._settle_from, self._front = None, moment.at, References()
            return "good; look straight into the camera"
        if moment.at - self._asked_at > asked.seconds:
            self._note(asked, None)
            raise ConsentError(
                f"not seen within {asked.seconds:.0f} seconds: {asked.text}; nobody was enrolled, "
                "begin again"
            )
        return f"{asked.text} ({mend or asked.hint()})"

    def _note(self, asked: Challenge, passed: float | None) -> None:
        assert self._begun is not None
        entry: dict[str, Any] = {
            "challenge": asked.name,
            "asked": f"{self._asked_at - self._begun:.2f}",
            "passed": "" if passed is None else f"{passed - self._begun:.2f}",
            "measured": asked.measured(),
        }
        self.log.append(entry)

    def _end_if_late(self, at: float) -> None:
        patience = _PATIENCE if self._rest is None else _PATIENCE / 3
        if self._now is None and at - self._settle_from > patience:
            raise ConsentError(
                f"no face looked straight into the camera, in good light, for {patience:.0f} "
                "seconds; nobody was enrolled, begin again"
            )
