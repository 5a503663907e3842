"""Every architecture's network on every runner, torch among them: by model, precision and batch.

The networks are untrained: time does not depend on what weights say. Rows for what is not on this
machine read 'not run'; nobody's figures are filled in for them.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from swapcast.bench.charts import draw, wants_chart
from swapcast.bench.runners import EXPERIMENTAL
from swapcast.bench.timing import Result, compare, metadata, write
from swapcast.export.runners import Arithmetic, Provider, Runner, RunnerError, open_runner
from swapcast.realtime.errors import SettingError
from swapcast.realtime.tune import sample_inputs

_LEAST, _MOST, _WARM = 7, 400, 2  # timed calls of each runner, and those before
_PLAIN = "ONNX Runtime cpu fp32"
_LIBRARIES: Sequence[tuple[str, Provider, Arithmetic]] = (
    (_PLAIN, "cpu", "auto"),
    ("OpenVINO cpu fp32", "openvino", "fp32"),
    ("OpenVINO cpu bf16", "openvino", "bf16"),
    ("ONNX Runtime CUDA fp32", "cuda", "auto"),
    ("TensorRT fp32", "tensorrt", "fp32"),
    ("TensorRT fp16", "tensorrt", "fp16"),
    ("DirectML", "directml", "auto"),
    ("CoreML", "coreml", "auto"),
)
_TORCH = (("cpu", "fp32"), ("cpu", "bf16"), ("cuda", "fp32"), ("cuda", "fp16"))

Inputs = Mapping[str, NDArray[np.float32]]
Opens = Callable[[], Runner]


@dataclass(frozen=True, kw_only=True)
class Architectures:
    """Measure untrained networks of `swapcast train` on every runner (needs swapcast[train])."""

    names: tuple[str, ...] = ("live-128", "cast", "simswap-224")
    """As `swapcast train` calls them."""
    batches: tuple[int, ...] = (1, 4)
    """Faces in one call."""
    threads: int = 1
    """Of the processor, for each runner that uses it."""
    seconds: float = 6.0
    """For each network and batch, after its runners were opened."""
    busy: bool = False
    """Other programs compute here too: measure processor time of all threads, not the clock."""
    json: Path | None = None
    """Write the results to this file as well."""
    plot: Path | None = None
    """Draw the results into this .png, .svg or .html (needs swapcast[charts])."""

    def __post_init__(self) -> None:
        if not self.names or min(self.batches, default=0) < 1 or self.threads < 1:
            raise SettingError("name a network at least; --batches and --threads are from 1 on")
        if not 0 < self.seconds <= 600:
            raise SettingError(f"--seconds is {self.seconds}; give 0.1 to 600")
        wants_chart(self.plot)


def main(settings: Architectures) -> dict[str, Any]:
    """Measure, print and write the results.

    Returns
    -------
    dict
        ``{"metadata": …, "rows": […]}``: a row for each network, batch and runner; those that were
        not run with ``"state": "not run"`` and why.

    Raises
    ------
    SettingError
        If torch is not installed, or there is no network of that name.
    """
    results: list[Result] = []
    rows: list[dict[str, Any]] = []
    for name in settings.names:
        for batch in settings.batches:
            made, told = _measured(name, batch, settings)
            results += made
            rows += told
            _show(name, batch, told)
    clock = "processor time" if settings.busy else "time by the clock"
    about = {"threads": settings.threads, "weights": "untrained", "measured": clock}
    if settings.json is not None:
        write(settings.json, results, about, rows=rows)
    if settings.plot is not None:
        draw([("networks", results)], settings.plot)
    whole = {"metadata": metadata() | about, "rows": rows}
    print(json.dumps(whole))
    return whole


def _measured(
    name: str, batch: int, settings: Architectures
) -> tuple[list[Result], list[dict[str, Any]]]:
    """Open all runners of one network, hold their answers against the first one's, time them."""
    opens, inputs = _ways(name, batch, settings.threads)
    what = f"{name}, {batch} face{'s' if batch > 1 else ''}"
    rows: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        runners: dict[str, Runner] = {}
        answers: dict[str, list[NDArray[np.float32]]] = {}
        for way, opener in opens.items():
            rows[way] = {"network": name, "batch": batch, "runner": way, "state": "run", "why": ""}
            rows[way]["experimental"] = any(word in way.lower() for word in EXPERIMENTAL)
            try:
                runner = stack.enter_context(opener())
                answers[way] = [np.array(part, np.float32) for part in runner(inputs)]
            except RunnerError as error:
                rows[way] |= {"state": "not run", "why": str(error)}
                continue
            runners[way] = runner
        calls = {f"{what}, {way}": _call(one, inputs) for way, one in runners.items()}
        clock = time.process_time if settings.busy else time.perf_counter
        once = compare(calls, repeats=2, warmup=1, clock=clock)
        turns = int(1e3 * settings.seconds / sum(one.median_ms for one in once))
        results = compare(
            calls,
            against=f"{what}, {_PLAIN}",
            repeats=min(max(turns, _LEAST), _MOST),
            warmup=_WARM,
            clock=clock,
        )
    for way, one in zip(runners, results, strict=True):
        apart = [np.abs(a - b) for a, b in zip(answers[way], answers[_PLAIN], strict=True)]
        rows[way] |= {
            "median_ms": one.median_ms,
            "p95_ms": one.p95_ms,
            "ms_per_face": round(one.median_ms / batch, 4),
            "ratio": one.ratio,
            "largest_difference": round(max(float(part.max()) for part in apart), 6),
            "mean_difference": round(max(float(part.mean()) for part in apart), 6),
        }
    return results, list(rows.values())


def _call(runner: Runner, inputs: Inputs) -> Callable[[], object]:
    return lambda: runner(inputs)


def _ways(name: str, batch: int, threads: int) -> tuple[dict[str, Opens], Inputs]:
    """Return what opens each runner of an untrained network, and pictures for it."""
    try:
        import torch  # noqa: PLC0415 - an extra

        from swapcast.bench.untrained import untrained  # noqa: PLC0415
        from swapcast.export.torch_runner import TorchRunner  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingError(
            f"{error.name} is not installed: pip install 'swapcast[train]'"
        ) from error
    torch.manual_seed(1)
    made = untrained(name, batch)

    def library(provider: Provider, precision: Arithmetic) -> Opens:
        return lambda: open_runner(made.network, provider, threads=threads, precision=precision)

    def own(device: Any, precision: Any) -> Opens:
        return lambda: TorchRunner(
            made.fresh(), made.shapes, device, precision=precision, threads=threads
        )

    ways = {way: library(provider, precision) for way, provider, precision in _LIBRARIES}
    for device, precision in _TORCH:
        way = f"torch CUDA graph {precision}" if device == "cuda" else f"torch cpu {precision}"
        ways[way] = own(device, precision)
    single = sample_inputs({key: (1, *shape[1:]) for key, shape in made.shapes.items()})
    pictures = {
        key: np.concatenate([single[k % len(single)][key] for k in range(batch)])
        for key in made.shapes
    }
    return ways, pictures


def _show(name: str, batch: int, rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table("runner", "state", "ms a call", "p95", "ms a face", "ratio", "mean difference")
    table.title = f"{name}, batch {batch}"
    for row in rows:
        table.add_row(row["runner"], *_cells(row))
    Console(width=130).print(table)


def _cells(row: Mapping[str, Any]) -> Iterator[str]:
    if row["state"] != "run":
        yield from ("not run", "", "", "", "", "")
        return
    yield "run"
    for key in ("median_ms", "p95_ms", "ms_per_face"):
        yield f"{row[key]:.2f}"
    yield "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    yield f"{row['mean_difference']:.1e}"
