"""Hand frames from one thread to the next, newest first."""

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The other side has closed the door."""


class Latest(Generic[T]):
    """A one-slot door between two threads: a slow reader skips items, it never falls behind.

    Closing it is both the end of the stream and the request to stop: the reader's loop ends (and
    raises the ``error``, if one was given), and the writer's next `put` raises `Closed`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._slot: list[T] = []  # empty, or the one item nobody has read yet
        self._closed = False
        self._error: BaseException | None = None
        self.dropped = 0
        """Items that were overwritten before anybody read them."""

    def put(self, item: T) -> None:
        """Make ``item`` the one that is read next. Never blocks.

        Raises
        ------
        Closed
            If the reader has gone.
        """
        with self._changed:
            if self._closed:
                raise Closed
            self.dropped += len(self._slot)
            self._slot = [item]
            self._changed.notify()

    def close(self, error: BaseException | None = None) -> None:
        """End the stream. What lies in the slot is still delivered; a second call does nothing."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
                self._changed.notify_all()

    def get(self, timeout: float | None = None) -> T | None:
        """Take the newest item, waiting for it; ``None`` after ``timeout`` seconds without one.

        Raises
        ------
        Closed
            At the end of the stream; the error it was closed with, if there was one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._slot or self._closed, timeout)
            if self._slot:
                return self._slot.pop()
            if not self._closed:
                return None
            raise self._error if self._error is not None else Closed

    def __iter__(self) -> Iterator[T]:
        """Yield each newest item until the stream ends; raise the error it was closed with."""
        while True:
            try:
                item = self.get()
            except Closed:
                return
            if item is not None:
                yield item
