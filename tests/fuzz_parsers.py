"""Feeds damaged files to every parser: ``python -m tests.fuzz_parsers --count 100000 [NAME …]``.

Each few thousand inputs run in a process of their own, so that one that dies (a library in C that
reads beyond its memory) is seen, and its input kept. An input fails if it raises anything but the
program's own errors, takes more than a second of the processor, or leaves a file elsewhere.
The last line is the result as JSON.
"""

import argparse
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

CHUNK = 10_000
SLOW, STUCK = 1.0, 20.0  # seconds of the processor's time; of the clock, on a busy machine


def run_chunk(name: str, seed: int, count: int, keep: Path) -> dict[str, Any]:
    """Feed ``count`` inputs of one seed; returns what happened."""
    from tests.fuzz_changes import FOLDER
    from tests.fuzz_targets import feed, make_target

    target, rng = make_target(name), random.Random(seed)
    taken, longest, found = 0, 0.0, []
    for seed_data in target.seeds:  # what is loaded by the first input is not the parser's time
        assert feed(target, seed_data)
    allowed = {
        *os.listdir(FOLDER),
        *(f"fuzz.{s}" for s in ("face", "json", "toml", "safetensors", "onnx", "img", "mp4")),
        *("own.json", "faces"),
    }
    for number in range(count):
        data = target.change(rng, rng.choice(target.seeds))
        (keep / f"{name}.last").write_bytes(data)
        began, worked, said = time.perf_counter(), time.process_time(), io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                taken += feed(target, data)
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            found.append({"seed": seed, "number": number, "error": traceback.format_exc()[-700:]})
        seconds = time.process_time() - worked
        longest = max(longest, seconds)
        if seconds > SLOW or time.perf_counter() - began > STUCK:
            found.append({"seed": seed, "number": number, "error": f"took {seconds:.1f} s"})
        if found and found[-1]["number"] == number:
            (keep / f"{name}-{seed}-{number}").write_bytes(data)
    strange = sorted(set(os.listdir(FOLDER)) - allowed) + os.listdir(".")
    if strange:
        found.append({"seed": seed, "number": -1, "error": f"files left: {strange}"})
    return {"inputs": count, "taken": taken, "longest_s": round(longest, 3), "findings": found}


def run_target(name: str, count: int, seed: int, keep: Path) -> dict[str, Any]:
    """Feed a target in processes of their own."""
    total: dict[str, Any] = {"inputs": 0, "taken": 0, "longest_s": 0.0, "findings": []}
    root = Path(__file__).resolve().parents[1]
    for begin in range(0, count, CHUNK):
        size = min(CHUNK, count - begin)
        words = ["--chunk", name, "--seed", str(seed + begin), "--count", str(size)]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz_parsers", *words, "--keep", str(keep)],
                check=False,
                capture_output=True,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(root), "XDG_DATA_HOME": f"{folder}/../none"},
            )
        if done.returncode == 0:
            part = json.loads(done.stdout.splitlines()[-1])
        else:
            (keep / f"{name}.last").rename(keep / f"{name}-{seed + begin}-died")
            error = f"died with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}"
            part = {"inputs": size, "taken": 0, "longest_s": 0.0,
                    "findings": [{"seed": seed + begin, "number": -1, "error": error}]}  # fmt: skip
        for key in ("inputs", "taken"):
            total[key] += part[key]
        total["findings"] += part["findings"]
        total["longest_s"] = max(total["longest_s"], part["longest_s"])
        sys.stderr.write(f"{name}: {total['inputs']} inputs, {len(total['findings'])} findings\n")
    return total


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Feed damaged files to every parser.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "swapcast-fuzz")
    parser.add_argument("--chunk", help=argparse.SUPPRESS)
    words = parser.parse_args()
    words.keep = words.keep.resolve()
    words.keep.mkdir(parents=True, exist_ok=True)
    if words.chunk:
        result: Any = run_chunk(words.chunk, words.seed, words.count, words.keep)
    else:
        from tests.fuzz_targets import TARGETS

        result = {
            name: run_target(name, words.count, words.seed, words.keep)
            for name in words.names or TARGETS
        }
    sys.stdout.write(json.dumps(result) + "\n")
    if not words.chunk and any(part["findings"] for part in result.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
