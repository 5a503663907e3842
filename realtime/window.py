"""Show finished pictures in a window on this machine's screen."""

from collections.abc import Callable
from types import TracebackType

import cv2

from swapcast.realtime.errors import SinkError
from swapcast.realtime.frame import Colour, Picture


class WindowSink:
    """A window named Swapcast; when the user closes it, it stays closed.

    Keys pressed in it go to whoever asked for them: `swapcast.realtime.cover.Cover.key` covers the
    picture, `swapcast.realtime.look_switch.LookSwitch.key` changes how faces look.
    """

    name = "window"
    colour: Colour | None = Colour("bt601", full_range=False)  # what OpenCV's conversion assumes
    fills_gaps = False
    _title = "Swapcast"

    def __init__(self) -> None:
        self._closed = False
        self._listeners: tuple[Callable[[str], None], ...] = ()

    def on_keys(self, *listeners: Callable[[str], None]) -> None:
        """Tell each of these every key that is pressed in the window."""
        self._listeners = listeners

    def __enter__(self) -> "WindowSink":
        """Open the window.

        Raises
        ------
        SinkError
            If there is no screen, or OpenCV was installed without windows.
        """
        try:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise SinkError(
                "no window can be opened here; a screen and opencv-python are needed "
                "(pip uninstall opencv-python-headless; pip install opencv-python)"
            ) from error
        return self

    def write(self, picture: Picture) -> None:
        """Show ``picture``; once the user has closed the window, do nothing."""
        if self._closed:
            return
        planes = picture.data.reshape(picture.height * 3 // 2, picture.width)
        cv2.imshow(self._title, cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))
        pressed = cv2.waitKey(1)
        if pressed >= 0:
            for listener in self._listeners:
                listener(chr(pressed & 0xFF))
        self._closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the window."""
        if not self._closed:
            cv2.destroyWindow(self._title)
