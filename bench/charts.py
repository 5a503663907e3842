"""Draw results of benchmarks: medians as dots, with a line as far as the 95th percentile."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from swapcast.bench.timing import Result
from swapcast.realtime.errors import SettingError, SwapcastError

_SUFFIXES = (".png", ".svg", ".html")


def wants_chart(path: Path | None) -> None:
    """Refuse a chart that could not be drawn, before anything is measured.

    Raises
    ------
    SettingError
        If it is of no known form.
    """
    if path is not None and path.suffix.lower() not in _SUFFIXES:
        raise SettingError(f"--plot {path}: charts are written as {', '.join(_SUFFIXES)}")


def draw(runs: Sequence[tuple[str, Sequence[Result]]], path: Path) -> None:
    """Draw one or several runs side by side.

    Parameters
    ----------
    runs : name and results of each; rows of one name stand together
    path : .png, .svg, or .html (one file that holds the picture)

    Raises
    ------
    SwapcastError
        If matplotlib is missing.
    """
    names = list(dict.fromkeys(result.name for _, results in runs for result in results))
    figure, axes = start(11, 1.2 + 0.32 * len(names) * len(runs))
    step = 0.6 / len(runs)
    for turn, (label, results) in enumerate(runs):
        places = [names.index(result.name) + turn * step for result in results]
        # Dots, not bars: on a logarithmic scale a bar's length says nothing.
        (dots,) = axes.plot([result.median_ms for result in results], places, "o", label=label)
        for place, result in zip(places, results, strict=True):
            late = (result.median_ms, result.p95_ms)
            axes.plot(late, (place, place), color=dots.get_color(), lw=1)
    middle = (len(runs) - 1) * step / 2
    axes.set_yticks([place + middle for place in range(len(names))], names, fontsize=8)
    axes.grid(axis="x", which="both", lw=0.3)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds: median, and a line to the 95th percentile")
    axes.legend(fontsize=8)
    save(figure, path)


def start(wide: float, high: float) -> tuple[Any, Any]:
    """Return matplotlib's figure and axes for a chart of so many inches.

    Raises
    ------
    SwapcastError
        If matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, for charts only
    except ModuleNotFoundError as error:
        raise SwapcastError("charts need matplotlib: pip install 'swapcast[charts]'") from error
    figure = Figure(figsize=(wide, high))
    return figure, figure.subplots()


def save(figure: Any, path: Path) -> None:
    """Write a figure of `start` as .png, .svg, or .html (one file that holds the picture)."""
    figure.tight_layout()
    if path.suffix.lower() != ".html":
        figure.savefig(path, dpi=120)
        return
    drawn = StringIO()
    figure.savefig(drawn, format="svg")
    svg = drawn.getvalue()
    page = '<!doctype html><meta charset="utf-8"><title>swapcast bench</title>'
    path.write_text(page + svg[svg.index("<svg") :])
