"""Fuzzing that follows the branches: ``python -m tests.fuzz_guided NAME -runs=100000``.

Needs atheris (``pip install atheris``), which has no packages for every platform; so nothing else
here needs it. The options are libFuzzer's. Inputs that reach new branches are bred on.
"""

import pkgutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import atheris

import swapcast.kernels

# Numba cannot compile a kernel with counters in it, so the kernels are compiled before.
for module in pkgutil.iter_modules(swapcast.kernels.__path__, "swapcast.kernels."):
    import_module(module.name)

with atheris.instrument_imports(include=["swapcast.realtime", "zipfile", "json", "tomllib"]):
    from tests.fuzz_targets import TARGETS, feed, make_target


def main() -> None:
    """Run the script."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz_guided {'|'.join(TARGETS)} [libFuzzer options]")
    target = make_target(sys.argv.pop(1))
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, "-timeout=20", corpus], lambda data: feed(target, data) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
