"""What the scripts in the virtual machine share: knowing when a camera is fed, feeding one."""

import subprocess
import time


def wait_until(true, seconds=600):
    """Wait until ``true()``; end the script where that does not come."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds:
            raise SystemExit(f"waited {seconds} s in vain")
        time.sleep(0.1)


def in_use(device):
    """Whether somebody writes into a v4l2loopback device, as v4l2-ctl tells it."""
    asked = ["v4l2-ctl", "-d", str(device), "-D"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return "Video Capture" in told
