"""Tell whether a benchmark got faster or slower, or whether the difference is noise.

Two medians are told apart by the notches of a box plot (R. McGill, J. W. Tukey, W. A. Larsen,
"Variations of Box Plots", 1978): 1.57 · IQR / √n to each side; where they do not overlap, the
medians differ at about the 95 % level. That knows only the noise within a run, so a floor for the
noise from run to run comes on top. Where both files compared a thing with the same twin, in the
same run, their ratios are compared: these hold from one machine to another.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from swapcast.bench.charts import draw, wants_chart
from swapcast.bench.timing import Result
from swapcast.realtime.errors import SettingError, SwapcastError

Word = Literal["faster", "slower", "same", "not comparable"]

_NOTCH = 1.57
_NONE = Result("", 0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Compare two files that `swapcast bench … --json` wrote, the older one first."""

    compare: tuple[Path, Path]
    floor: float = 0.05
    """Differences up to this share are taken for noise from run to run."""
    fail: bool = False
    """End with an error if anything is slower."""
    plot: Path | None = None
    """Draw both into this .png, .svg or .html (needs swapcast[charts])."""

    def __post_init__(self) -> None:
        if not 0 <= self.floor < 1:
            raise SettingError(f"--floor is {self.floor}; it is a share, from 0 to 1")
        wants_chart(self.plot)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one row changed."""

    name: str
    word: Word
    change: float | None
    """Time now over time before; of ratios, before over now. Below 1 it became faster."""
    noise: float | None
    """Share by which it may differ by chance."""
    by: Literal["time", "ratio"]


def main(settings: Compare) -> list[Verdict]:
    """Print what changed; the last line is JSON.

    Raises
    ------
    SettingError
        If a file is no result of a benchmark, or the two share no row.
    SwapcastError
        If something is slower and the settings ask to fail.
    """
    before, after = (_read(path) for path in settings.compare)
    verdicts = judge(before, after, settings.floor)
    if not verdicts:
        a, b = settings.compare
        raise SettingError(f"{a} and {b} have no row in common; compare two of the same benchmark")
    table = Table("what", "verdict", "time now / before", "noise", "compared by")
    for one in verdicts:
        change = "" if one.change is None else f"{one.change:.3f}"
        noise = "" if one.noise is None else f"±{100 * one.noise:.1f} %"
        table.add_row(one.name, one.word, change, noise, one.by)
    Console(width=140).print(table)
    if settings.plot is not None:
        rows = [
            (str(p), _results(x)) for p, x in zip(settings.compare, (before, after), strict=True)
        ]
        draw(rows, settings.plot)
    print(json.dumps([{k: getattr(one, k) for k in Verdict.__slots__} for one in verdicts]))
    slower = [one.name for one in verdicts if one.word == "slower"]
    if slower and settings.fail:
        raise SwapcastError(f"slower than {settings.compare[0]}: {'; '.join(slower)}")
    return verdicts


def judge(before: Mapping[str, Any], after: Mapping[str, Any], floor: float) -> list[Verdict]:
    """Compare the rows that two results have in common.

    Parameters
    ----------
    before, after : ``{"metadata": …, "results": […]}``
    floor : share that may be noise from run to run
    """
    old = {result.name: result for result in _results(before)}
    new = {result.name: result for result in _results(after)}
    machines = [(x["metadata"].get("cpu"), x["metadata"].get("cores")) for x in (before, after)]
    verdicts = []
    for name in old.keys() & new.keys():
        a, b = old[name], new[name]
        if a.ratio is not None and b.ratio is not None and a.against == b.against:
            # The twins' noise is in the ratios, too.
            twins = old.get(a.against or "", _NONE), new.get(b.against or "", _NONE)
            noise = math.hypot(floor, *(_notch(one) for one in (a, b, *twins)))
            verdicts.append(_verdict(name, a.ratio / b.ratio, noise, "ratio"))
        elif machines[0] != machines[1] or not a.median_ms > 0 < b.median_ms:
            verdicts.append(Verdict(name, "not comparable", None, None, "time"))
        else:
            noise = math.hypot(floor, _notch(a), _notch(b))
            verdicts.append(_verdict(name, b.median_ms / a.median_ms, noise, "time"))
    return sorted(verdicts, key=lambda one: list(old).index(one.name))


def _verdict(name: str, change: float, noise: float, by: Literal["time", "ratio"]) -> Verdict:
    word: Word = "same"
    if abs(math.log(change)) > math.log1p(noise):
        word = "faster" if change < 1 else "slower"
    return Verdict(name, word, round(change, 4), round(noise, 4), by)


def _notch(result: Result) -> float:
    """Return half the notch's width as a share of the median."""
    if not result.n or result.median_ms <= 0:
        return 0.0
    return _NOTCH * result.iqr_ms / math.sqrt(result.n) / result.median_ms


def _results(whole: Mapping[str, Any]) -> list[Result]:
    keys = Result.__slots__
    return [Result(**{key: row[key] for key in keys}) for row in whole["results"]]


def _read(path: Path) -> dict[str, Any]:
    try:
        whole: dict[str, Any] = json.loads(path.read_text())
        _results(whole)
        whole["metadata"]["cpu"]
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(
            f"{path} holds no results of a benchmark; write it with `swapcast bench … --json`"
        ) from error
    return whole
