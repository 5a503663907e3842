"""Changes the face of a running picture: by `swapcast ctl face NAME`.

The new face is judged, its network baked and compiled on a thread of its own; the old one is worn
until then. A face that may not be used, or cannot, changes nothing but the list of events.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.stillness import SwapsCrops
from swapcast.realtime.worker import on_thread

OpenFace = Callable[[str, ExitStack], SwapsCrops]
"""Judges a face for this run and opens its swapper; the stack closes both."""


class FaceSwitch:
    """The face that is worn now, and the thread that gets the next one ready.

    Parameters
    ----------
    name : of the first face
    open_face : judges and opens another
    wear : is told each new swapper; what it sets is read once for each frame
    on_event : is told each change, in one line
    refusal : why this run cannot change its face; empty: it can
    """

    def __init__(
        self,
        name: str,
        open_face: OpenFace,
        wear: Callable[[SwapsCrops], None],
        on_event: Callable[[str], None] = lambda _: None,
        *,
        refusal: str = "",
    ) -> None:
        self.name = name
        self._open, self._wear, self._event, self._refusal = open_face, wear, on_event, refusal
        self._orders: Latest[str] = Latest()
        self._worn: list[ExitStack] = []

    def use(self, name: str) -> None:
        """Get a face ready, and wear it as soon as it is.

        Raises
        ------
        SettingError
            If this run cannot change its face.
        """
        if self._refusal:
            raise SettingError(self._refusal)
        self._event(f"face {name} is made ready")
        self._orders.put(name)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Take orders for the length of the ``with`` block."""
        try:
            with on_thread("face", self._changes):
                try:
                    yield
                finally:
                    self._orders.close()
        finally:
            self._close(0)

    def _changes(self) -> Iterator[None]:
        for name in self._orders:
            stack = ExitStack()
            try:
                swapper = self._open(name, stack)
            except SwapcastError as error:
                stack.close()
                self._event(f"the face stays {self.name}: {error}")
                continue
            self._wear(swapper)
            self.name = name
            self._event(f"face {name}")
            self._worn.append(stack)
            # The one before may still be at work on a frame: it is closed at the next change.
            self._close(2)
        yield

    def _close(self, kept: int) -> None:
        while len(self._worn) > kept:
            self._worn.pop(0).close()
