"""What a run takes of the machine is counted per frame."""

import time

import numpy as np
import pytest

from swapcast.realtime.cost import Usage, cost, usage
from swapcast.realtime.meter import Meter, SinkCounts


def test_work_and_fresh_memory_are_counted():
    before = usage()
    until = time.process_time() + 0.05
    kept = []
    while time.process_time() < until:
        kept.append(np.ones(1 << 20, np.uint8))
    after = usage()
    assert 0.04 < after.cpu_s - before.cpu_s < 1
    assert after.faults - before.faults >= len(kept) * 100


def test_totals_become_figures_of_one_frame():
    figures = cost(Usage(1.0, 100, 10, 5), Usage(3.0, 500, 30, 5), frames=100, seconds=4.0)
    assert figures == {
        "cpu_percent": 50.0,
        "core_ms": 20.0,
        "switches_waiting": 4.0,
        "switches_forced": 0.2,
        "page_faults": 0.0,
    }
    assert cost(Usage(1.0), Usage(2.0), frames=0, seconds=1.0) == {}


def test_the_report_says_what_a_frame_costs_and_takes_further_counts():
    meter = Meter()
    meter.sinks["null"] = SinkCounts()
    meter.counted["governor"] = lambda: {"changes": 2}
    for _ in range(3):
        until = time.process_time() + 0.01
        while time.process_time() < until:
            pass
        meter.handed_over("null", meter.clock(), 1 / 30, acted=True)
    report = meter.report({})
    assert report["cost_per_frame"]["core_ms"] == pytest.approx(10, rel=0.5)
    assert report["governor"] == {"changes": 2}
