"""What this process has taken of the machine so far: processor time, switches, fresh memory."""

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Running totals of this process, all its threads together; child processes do not count."""

    cpu_s: float
    """Processor seconds, of user and system."""
    waits: int = 0
    """Context switches because a thread waited (voluntary ones)."""
    forced: int = 0
    """Context switches because another thread or program was to run."""
    faults: int = 0
    """Pages of memory that had to be made available: fresh memory costs one for every 4 KiB."""


def usage() -> Usage:
    """Return the totals until now; Windows tells processor time only."""
    if sys.platform == "win32":
        return Usage(sum(os.times()[:2]))
    import resource  # noqa: PLC0415 - not on Windows

    now = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(now.ru_utime + now.ru_stime, now.ru_nvcsw, now.ru_nivcsw, now.ru_minflt)


def cost(began: Usage, ended: Usage, frames: int, seconds: float) -> dict[str, float]:
    """Say what a run took.

    Parameters
    ----------
    began, ended : totals at the first and at the last frame that was handed over
    frames : handed over between the two
    seconds : between the two

    Returns
    -------
    dict
        ``cpu_percent`` (100 is one core), and per frame: ``core_ms`` (processor milliseconds,
        summed over threads), ``switches_waiting``, ``switches_forced``, ``page_faults``. Empty
        without frames.
    """
    if frames < 1 or seconds <= 0:
        return {}
    cpu = ended.cpu_s - began.cpu_s
    return {
        "cpu_percent": round(100 * cpu / seconds, 1),
        "core_ms": round(1e3 * cpu / frames, 3),
        "switches_waiting": round((ended.waits - began.waits) / frames, 2),
        "switches_forced": round((ended.forced - began.forced) / frames, 2),
        "page_faults": round((ended.faults - began.faults) / frames, 2),
    }
