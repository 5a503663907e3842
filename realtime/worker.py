"""The one place where threads are started and ended."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from swapcast.realtime.mailbox import Closed, Latest

T = TypeVar("T")


@contextmanager
def on_thread(name: str, produce: Callable[[], Iterable[T]]) -> Iterator[Latest[T]]:
    """Consume ``produce()`` on a thread of its own for the length of the ``with`` block.

    The block reads the items from the door it is given. Whatever ``produce`` raises is raised
    there, in the reader. Leaving the block closes the door and waits for the thread, so
    ``produce`` must yield or return within about a second.

    Parameters
    ----------
    name : str
        Of the thread, as debuggers and ``top -H`` show it.
    produce : callable
        Gives the items; its ``finally`` blocks run on the thread.
    """
    door: Latest[T] = Latest()

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

    thread = threading.Thread(target=pump, name=name)
    thread.start()
    try:
        yield door
    finally:
        door.close()
        thread.join()
