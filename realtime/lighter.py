"""A second network of the same face in a lower precision, for a machine that is too slow.

`swapcast tune` has measured it here, and its answers agreed with fp32's. It is opened when it is
first needed, on a thread of its own; until then, and where it fails, the usual network answers. The
two are so much alike that the change is smaller than what differs from frame to frame.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np

from swapcast.realtime.errors import ModelError, SwapcastError
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.stillness import Crop, SwapsCrops
from swapcast.realtime.worker import on_thread

OpenLighter = Callable[[ExitStack], SwapsCrops]
"""Opens the network in lower precision; the stack closes it."""


class Lightness:
    """Whether faces may be computed in lower precision now, for all swappers of a run."""

    def __init__(self) -> None:
        self.allowed = False
        self.precision = ""
        """What it would be; empty while no face has such a network."""

    def allow(self, allowed: bool) -> None:
        """Let the swappers use it, from the next frame on, or not any more."""
        self.allowed = allowed


class Lighter:
    """A swapper that answers in lower precision while it may.

    Parameters
    ----------
    usual : answers else
    open_lighter : opens the same face's network in lower precision
    lightness : says whether it may
    on_event : is told what happened, in one line
    """

    def __init__(
        self,
        usual: SwapsCrops,
        open_lighter: OpenLighter,
        lightness: Lightness,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._usual, self._open, self._lightness = usual, open_lighter, lightness
        self._event = on_event
        self.crop, self.template, self.size = usual.crop, usual.template, usual.size
        self.sliders, self.hairline = usual.sliders, usual.hairline
        self._lighter: SwapsCrops | None = None
        self._orders: Latest[bool] = Latest()
        self._asked = False

    @property
    def _now(self) -> SwapsCrops:
        lighter = self._lighter if self._lightness.allowed else None
        return self._usual if lighter is None else lighter

    @property
    def provider(self) -> str:
        """What computes now."""
        return self._now.provider

    @property
    def precision(self) -> str:
        """The number format it computes in."""
        return self._now.precision

    def __call__(self) -> tuple[Crop, Crop | None]:
        """Swap the face in `crop`.

        Raises
        ------
        ModelError
            If the usual network fails.
        """
        if self._lightness.allowed and not self._asked:
            self._asked = True
            self._orders.put(True)
        lighter = self._now
        if lighter is self._usual:
            return self._usual()
        np.copyto(lighter.crop, self.crop)
        try:
            return lighter()
        except ModelError as error:
            self._lighter = None
            self._event(f"the precision stays {self._usual.precision}: {error}")
            return self._usual()

    def restart(self) -> None:
        """Open the networks again."""
        self._usual.restart()
        if self._lighter is not None:
            self._lighter.restart()

    @contextmanager
    def ready(self) -> Iterator["Lighter"]:
        """Open the second network when it is needed, for the length of the ``with`` block."""
        with ExitStack() as stack, on_thread("lighter", lambda: self._opens(stack)):
            try:
                yield self
            finally:
                self._orders.close()

    def _opens(self, stack: ExitStack) -> Iterator[None]:
        for _ in self._orders:
            try:
                self._lighter = self._open(stack)
            except SwapcastError as error:
                self._event(f"the precision stays {self._usual.precision}: {error}")
        yield
