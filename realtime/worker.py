"""The one place where threads are started and ended."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.mailbox import Closed, Latest

T = TypeVar("T")

_grace: ContextVar[float] = ContextVar("_grace", default=5.0)


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Say how long one frame may take, for all threads started meanwhile, and for theirs.

    They are waited for at their end: half as long, and five seconds (or all of it) at least.
    """
    before = _grace.set(max(min(seconds, 5.0), seconds / 2))
    try:
        yield
    finally:
        _grace.reset(before)


@contextmanager
def on_thread(
    name: str, produce: Callable[[], Iterable[T]], *, grace: float | None = None
) -> Iterator[Latest[T]]:
    """Consume ``produce()`` on a thread of its own for the length of the ``with`` block.

    The block reads the items from the door it is given. Whatever ``produce`` raises is raised
    there, in the reader. Leaving the block closes the door and waits for the thread, so
    ``produce`` must yield or return within about a second. A thread that hangs in a driver cannot
    be ended; it is left behind with an error, and does not keep the process from ending.

    Parameters
    ----------
    name : str
        Of the thread, as debuggers and ``top -H`` show it.
    produce : callable
        Gives the items; its ``finally`` blocks run on the thread.
    grace : seconds
        That the thread may take to end; None: what `patient` gives it, or else five.

    Raises
    ------
    SwapcastError
        If it does not end, unless another error is on its way.
    """
    door: Latest[T] = Latest()
    grace = _grace.get() if grace is None else grace

    def pump() -> None:
        try:
            for item in produce():
                door.put(item)
        except Closed:
            door.close()  # the reader left first, or the stream before this one ended
        except BaseException as error:  # noqa: BLE001 - raised again in the reader
            door.close(error)
        else:
            door.close()

    context = copy_context()  # threads that this one starts have the same time to end
    thread = threading.Thread(target=lambda: context.run(pump), name=name, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.close()
        thread.join(grace)
    if thread.is_alive():
        raise SwapcastError(f"{name} hangs and was left behind; look at its device or driver")
