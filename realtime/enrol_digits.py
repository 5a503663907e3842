"""Digits that are to be said aloud, each when it is shown: the mouth must keep that time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from swapcast.realtime.audio import Sound
from swapcast.realtime.enrol_challenges import Moment

_SHOWN = 1.3
"""Seconds for which a digit is shown, and in which it is to be said."""
_LATE = 0.2
"""Seconds after which a mouth can have begun to move."""
_MOVES = 0.045
"""Lengths of the nose by which the mouth's opening changes, at least, in a spoken digit."""
_QUIET = 0.5
"""Most that the mouth may move at the end of a pause, of what it moves in the digits."""
_IN_STEP = 0.3
"""Least correlation of the mouth's opening with the sound's loudness, where there is sound."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud it was at a moment."""

    at: float
    """Seconds, on the clock of the frames."""
    level: float
    """Root of the mean square, 0…1."""

    @staticmethod
    def of(sound: Sound) -> "Loudness":
        """Take one piece of sound as one moment, its middle."""
        middle = sound.samples.shape[1] / sound.rate / 2
        return Loudness(sound.captured_at + middle, float(np.sqrt((sound.samples**2).mean())))


@dataclass
class SayDigits:
    """Say random digits, each when it appears, and keep quiet in random pauses between them.

    What is verified: the mouth moves in at least three of the four digits' times, and rests at
    the end of two of the three pauses. With sound: loudness rises and falls with the mouth's
    opening. What is not: which digits were said, and in whose voice.
    """

    rng: random.Random
    sound: Sequence[Loudness] | None = None
    """Grows while the microphone is heard; None: there is none."""
    name: str = "digits"
    text: str = "say each digit aloud when it appears"
    digits: str = field(default="", init=False)
    starts: list[float] = field(default_factory=list, init=False)
    """Seconds after the challenge began at which each digit appears."""
    seconds: float = field(default=0.0, init=False)
    step: float | None = field(default=None, init=False)
    """Correlation of mouth and sound."""

    def __post_init__(self) -> None:
        self.digits = "".join(str(self.rng.randrange(10)) for _ in range(4))
        at = 1.0
        for _ in self.digits:
            self.starts.append(at)
            at += _SHOWN + self.rng.uniform(0.9, 1.6)
        self.seconds = self.starts[-1] + _SHOWN + 2.0
        self._begun: float | None = None
        self._times: list[float] = []
        self._mouth: list[float] = []
        self._moved: tuple[list[float], list[float]] = [], []

    def see(self, moment: Moment) -> bool:
        """Note the mouth; when the last digit's time is over, see whether it kept time."""
        self._begun = moment.at if self._begun is None else self._begun
        self._times.append(moment.at - self._begun)
        self._mouth.append(moment.mouth)
        if self._times[-1] < self.starts[-1] + _SHOWN + 0.3 or self._moved[0]:
            return False
        self._moved = self._judge()
        self.step = self._in_step()
        spoken, rests = self._moved
        usual = float(np.median(spoken))
        return (
            sum(move >= _MOVES for move in spoken) >= 3
            and sum(move <= _QUIET * usual for move in rests) >= 2
            and (self.step is None or self.step >= _IN_STEP)
        )

    def _judge(self) -> tuple[list[float], list[float]]:
        spoken = [self._motion(at + _LATE, at + _SHOWN) for at in self.starts]
        rests = [self._motion(at - 0.45, at + 0.05) for at in self.starts[1:]]
        return spoken, rests

    def _motion(self, begins: float, ends: float) -> float:
        seen = [m for t, m in zip(self._times, self._mouth, strict=True) if begins <= t <= ends]
        return max(seen) - min(seen) if len(seen) > 1 else 0.0

    def _in_step(self) -> float | None:
        if self.sound is None or self._begun is None:
            return None
        times = np.array([loud.at - self._begun for loud in self.sound])
        levels = np.array([loud.level for loud in self.sound])
        return in_step(np.array(self._times), np.array(self._mouth), times, levels)

    def shown(self) -> str:
        """Return the digit to be said now, or an empty text in a pause."""
        now = self._times[-1] if self._times else 0.0
        for digit, at in zip(self.digits, self.starts, strict=True):
            if at <= now < at + _SHOWN:
                return digit
        return ""

    def hint(self) -> str:
        """Show the digit."""
        return self.shown() or "wait"

    def measured(self) -> dict[str, str]:
        """Return the digits, how the mouth moved in them and in the pauses, and the sound."""
        spoken, rests = self._moved
        out = {
            "digits": self.digits,
            "moved": " ".join(f"{move:.2f}" for move in spoken),
            "pauses": " ".join(f"{move:.2f}" for move in rests),
            "sound": "none" if self.step is None else f"{self.step:.2f}",
        }
        return out


def in_step(
    times: np.ndarray[tuple[int], np.dtype[np.float64]],
    mouth: np.ndarray[tuple[int], np.dtype[np.float64]],
    heard_at: np.ndarray[tuple[int], np.dtype[np.float64]],
    levels: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float:
    """Correlate the mouth's opening with the loudness of the sound.

    Parameters
    ----------
    times, mouth : float64 [n]
        Seconds and openness.
    heard_at, levels : float64 [m]
        Seconds and loudness.

    Returns
    -------
    float
        The best correlation, −1…1, with the sound up to 0.1 s before or 0.3 s after the picture;
        0 where one of them never changes or there is less than a second of either.
    """
    if len(times) < 2 or len(heard_at) < 2 or min(np.ptp(times), np.ptp(heard_at)) < 1:
        return 0.0
    grid = np.arange(times[0], times[-1], 0.02)
    width = np.ones(11) / 11  # a fifth of a second: a syllable
    opening = np.convolve(np.interp(grid, times, mouth), width, "valid")
    best = -1.0
    for delay in np.arange(-0.1, 0.31, 0.04):
        loud = np.convolve(np.interp(grid + delay, heard_at, np.sqrt(levels)), width, "valid")
        if opening.std() < 1e-4 or loud.std() < 1e-5:
            return 0.0
        best = max(best, float(np.corrcoef(opening, loud)[0, 1]))
    return best
