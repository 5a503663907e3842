"""In a machine with v4l2loopback: `swapcast bench glass` through the virtual camera.

usage: glass.py OUT [option of swapcast bench glass …]

Into the folder OUT goes what the benchmark writes: glass.json.
"""

import subprocess
import sys
from pathlib import Path

CAMERA = "/dev/video10"


def main(out, *options):
    # The machine is slow to read a file the first time; a reader has a minute to start.
    subprocess.run([sys.executable, "-c", "import swapcast.bench.glass_reader"], check=True)
    command = [
        sys.executable,
        "-m",
        "swapcast.realtime",
        "bench",
        "glass",
        "--through",
        f"virtual:{CAMERA}",
    ]
    subprocess.run([*command, "--json", out / "glass.json", *options], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
