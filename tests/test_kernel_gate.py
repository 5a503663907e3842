"""No kernel may become much slower against the same step made with OpenCV in the same run.

Seconds depend on the machine and on what else it does; the ratio to a twin, called in turns with
the kernel, hardly does. The committed results say what the ratio was; half of it is left for other
processors.
"""

import json
from pathlib import Path

from swapcast.bench.kernels import Kernels, main

COMMITTED = Path(__file__).resolve().parents[1] / "bench" / "results" / "kernels.json"
LEFT = 0.5
TRIES = 3


def ratios(results):
    return {row["name"]: row["ratio"] for row in results if row["ratio"] is not None}


def test_kernels_keep_their_lead_over_the_reference():
    wanted = ratios(json.loads(COMMITTED.read_text())["results"])
    assert any(name.startswith("whole frame") for name in wanted)
    best: dict[str, float] = {}
    for _ in range(TRIES):
        for name, ratio in ratios(main(Kernels(repeats=25))["results"]).items():
            best[name] = max(ratio, best.get(name, 0.0))
        lost = {
            name: (best[name], ratio)
            for name, ratio in wanted.items()
            if name in best and best[name] < LEFT * ratio
        }
        if not lost:
            break
    assert set(best) & set(wanted)
    assert not lost, f"ratio to OpenCV now, and as committed: {lost}"
