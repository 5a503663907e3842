"""Wait until a picture is due, without missing the request to stop."""

import threading
from collections.abc import Callable

_LOOK = 0.1  # seconds between two looks at the request to stop


def wait_until(due: float, stop: Callable[[], bool], clock: Callable[[], float]) -> bool:
    """Wait until ``clock`` shows ``due``; ``False`` as soon as ``stop`` says so."""
    never = threading.Event()
    while not stop():
        left = due - clock()
        if left <= 0:
            return True
        never.wait(min(left, _LOOK))
    return False
