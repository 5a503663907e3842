"""How often something that is no mark is taken for one: pictures without a mark, wrong keys.

Every clip's mean picture, unmarked, is searched with many keys that nobody used. That gives two
distributions: of the agreement at single scales and places, to be compared with Chernoff's bound,
and of the p-value that a whole search states, to be compared with how often it came.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.bench.marks import HEIGHT, PART_S, clips_of, window
from swapcast.bench.timing import metadata
from swapcast.realtime.mark_pattern import waves
from swapcast.realtime.mark_reader import (
    SCALES,
    Levelled,
    agreements,
    bound,
    hypotheses,
    level,
    phases_at,
)

_EDGES = np.linspace(-1, 1, 401)  # of agreement


@dataclass(frozen=True, kw_only=True)
class MarksNull:
    """Measure how often something else is taken for the invisible mark; writes JSON and a chart."""

    clips: Path | None = None
    """A clip, or a folder of clips; nothing given: the bundled one."""
    keys: int = 25
    """Wrong keys that each clip is searched with; the program's own comes to them."""
    json: Path | None = None
    """Write the results to this file."""
    chart: Path | None = None
    """Write the quantile-quantile chart to this file; needs swapcast[charts]."""


def main(settings: MarksNull) -> dict[str, Any]:
    """Measure and write the results; the last line printed is the JSON.

    Returns
    -------
    dict
        ``{"metadata": …, "searches": n, "stated": […], "single": {…}}``.
    """
    cv2.setNumThreads(1)
    counts = np.zeros(_EDGES.size - 1, np.int64)
    best: list[float] = []
    for clip in clips_of(settings.clips):
        pictures = window(clip, 0, PART_S)
        picture = level(np.mean([one[:HEIGHT] for one in pictures], 0, np.float32))
        best += _searched(picture, settings.keys, counts)
        print(clip.name)
    pilots = waves().pilots.size
    stated = sorted(min(0.0, bound(one, pilots) + float(np.log10(hypotheses()))) for one in best)
    tail = counts[::-1].cumsum()[::-1]
    shown = np.flatnonzero((tail > 0) & (_EDGES[:-1] > 0))
    whole = {
        "metadata": metadata(),
        "searches": len(best),
        "hypotheses": hypotheses(),
        "stated": {"least": round(stated[0], 3), "below_0.1": sum(p < -1 for p in stated)},
        "best_agreement": [round(one, 4) for one in sorted(best)],
        "single": {
            "n": int(counts.sum()),
            "agreement": [round(float(_EDGES[k]), 3) for k in shown],
            "log10_seen": [round(float(np.log10(tail[k] / counts.sum())), 3) for k in shown],
            "log10_bound": [round(bound(float(_EDGES[k]), pilots), 3) for k in shown],
        },
    }
    if settings.json is not None:
        settings.json.write_text(json.dumps(whole) + "\n")
    if settings.chart is not None:
        _draw(whole, stated, settings.chart)
    print(json.dumps(whole))
    return whole


def _searched(picture: Levelled, keys: int, counts: NDArray[np.int64]) -> list[float]:
    """Search with the program's own key and wrong ones; return the best agreement of each."""
    own = waves()
    everyone = [own, *(waves(f"wrong key {k}".encode()) for k in range(keys))]
    best = [-1.0] * len(everyone)
    for side in SCALES:
        phases = phases_at(picture, side, own)
        for k, of in enumerate(everyone):
            places = agreements(phases, of)
            best[k] = max(best[k], float(places.max()))
            counts += np.histogram(places[::3, ::3], _EDGES)[0]
    return best


def _draw(whole: dict[str, Any], stated: list[float], path: Path) -> None:
    """Draw both distributions beside what was promised."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, for this chart only

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    single = whole["single"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    left.plot([0, 8], [0, 8], "k--", linewidth=1, label="as often as stated")
    left.plot(
        [-value for value in single["log10_seen"]],
        [-value for value in single["log10_bound"]],
        ".-",
        label=f"{single['n']:.1e} scales and places".replace("e+0", "e"),
    )
    left.set(
        title="One scale and place",
        xlabel="-log10 of how often it was seen",
        ylabel="-log10 of the stated bound",
    )
    n = len(stated)
    right.plot([0, 3], [0, 3], "k--", linewidth=1, label="as often as stated")
    expected = -np.log10((np.arange(n) + 0.5) / n)
    right.plot(expected, [-value for value in stated], ".", label=f"{n} searches")
    right.set(
        title="A whole search",
        xlabel="-log10 of the quantile",
        ylabel="-log10 of the stated p-value",
    )
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
