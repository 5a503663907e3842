"""What the subject of an enrolment sees: a mirror with a line of text, or lines of text alone."""

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

import cv2
import numpy as np

from swapcast.realtime.errors import SinkError
from swapcast.realtime.frame import Frame

_WIDTH = 960


class Preview(Protocol):
    """Shows the subject the picture and what to do."""

    def show(self, frame: Frame, text: str) -> None:
        """Show the frame, mirrored, and the text."""
        ...

    def __enter__(self) -> "Preview": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class LinesPreview:
    """Says each text once, when it changes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._last = say, ""

    def show(self, frame: Frame, text: str) -> None:
        """Say the text if it is new."""
        del frame
        if text != self._last:
            self._last = text
            self._say(text)

    def __enter__(self) -> "LinesPreview":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing was opened."""


class WindowPreview:
    """A mirror in a window, with the text below."""

    _title = "Swapcast: enrolment"

    def __enter__(self) -> "WindowPreview":
        """Open the window.

        Raises
        ------
        SinkError
            If there is no screen, or OpenCV was installed without windows.
        """
        try:
            cv2.namedWindow(self._title, cv2.WINDOW_AUTOSIZE)
        except cv2.error as error:
            raise SinkError(
                "no window can be opened here; add --no-window to be told in lines of text"
            ) from error
        return self

    def show(self, frame: Frame, text: str) -> None:
        """Show the frame's luma, mirrored, and the text."""
        cv2.imshow(self._title, mirror(frame, text))
        cv2.waitKey(1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the window."""
        cv2.destroyWindow(self._title)


def mirror(frame: Frame, text: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Draw the grey mirror image with its line of text: uint8 [h, 960]."""
    luma = frame.y[: frame.height, : frame.width]
    height = round(_WIDTH * frame.height / frame.width)
    seen = cv2.flip(cv2.resize(luma, (_WIDTH, height), interpolation=cv2.INTER_AREA), 1)
    bar = np.zeros((72, _WIDTH), np.uint8)
    size = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)[0][0]
    scale = min(1.0, (_WIDTH - 32) / max(size, 1))
    cv2.putText(bar, text, (16, 46), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 2, cv2.LINE_AA)
    return np.concatenate([np.asarray(seen, np.uint8), bar])


def preview(*, window: bool, say: Callable[[str], None]) -> Preview:
    """Make the preview: a window where one is wanted and there is a screen, else lines of text."""
    screen = sys.platform in {"darwin", "win32"} or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    return WindowPreview() if window and screen else LinesPreview(say)
