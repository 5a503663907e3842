"""One thing `swapcast doctor` looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, what it means and the line that mends it."""

    subject: str
    """What was looked at: ``cameras``, ``virtual camera``, …"""
    state: Literal["ok", "warn", "bad"]
    """``bad`` keeps a live swap from running, ``warn`` makes it worse or rules something out."""
    text: str
    """What was found and what it means."""
    cure: str | None = None
    """The line that mends it: a command where there is one."""

    def __str__(self) -> str:
        line = f"{self.state:<4}  {self.subject}: {self.text}"
        return line if self.cure is None else f"{line}\n      → {self.cure}"
