"""Lets a face restorer of the user's own sharpen swapped faces, at whatever pace it can.

GFPGAN (Wang et al., CVPR 2021), GPEN (Yang et al., CVPR 2021) and their like take a second for a
face where a frame has a thirtieth. So what is used is never their picture, only what they changed
in it: that is kept in the aligned crop, which moves with the face, and added to the swap of each
frame where that still looks as it did; elsewhere, and when it is old, nothing is added.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from swapcast.export.runners import Provider, RunnerError, open_runner
from swapcast.kernels.geometry import crop_affine, invert
from swapcast.kernels.restore import add_where, alike, mean_cells
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Points
from swapcast.realtime.mailbox import Latest
from swapcast.realtime.runner import OpenNetwork, SteadyRunner
from swapcast.realtime.worker import on_thread

Crop = NDArray[np.float32]
"""float32 [3, S, S], RGB, 0…1."""

_CELLS = 32  # across the crop, in which it is judged whether a face still looks the same
_SAME, _OTHER = 0.02, 0.06  # changes of a cell's mean, 0…1: still the same, and another
_LEAST = 0.5  # of the crop must be the same, or all that was kept is let go
_OLDEST = 90  # frames after which what a restorer changed is let go
_PAUSE = 3  # frames between two orders
_MOST = 0.2  # change of a level, 0…1: a restorer refines a face, it does not replace it
_FORGOTTEN = 60  # frames after which a track is forgotten


class RestorerNet:
    """A restoring network.

    Parameters
    ----------
    path : ONNX file that takes one picture [1, 3, N, N] and gives one of that size, RGB, −1…1
    provider : what computes
    threads : processor threads a call may use
    on_event : is told what happened, in one line each
    open_network : loads the network

    Raises
    ------
    ModelError
        If there is no such file, or it holds another kind of network.
    """

    def __init__(
        self,
        path: Path,
        provider: Provider = "cpu",
        *,
        threads: int = 1,
        on_event: Callable[[str], None] = lambda _: None,
        open_network: OpenNetwork = open_runner,
    ) -> None:
        if not path.is_file():
            raise ModelError(f"no face restorer at {path}; give the path of an ONNX file")
        try:
            self._runner = SteadyRunner(
                "the face restorer",
                path.read_bytes(),
                provider,
                threads=threads,
                on_event=on_event,
                open_network=open_network,
            )
        except RunnerError as error:
            raise ModelError(f"face restorer {path.name}: {error}") from error
        shapes = self._runner.shapes
        (name, shape), *others = shapes.items()
        if (
            others
            or len(shape) != 4
            or shape[:2] != (1, 3)
            or shape[2] != shape[3]
            or shape[2] < 64
        ):
            raise ModelError(_wrong(path, f"takes {dict(shapes)}"))
        self.size = shape[2]
        """Side of its pictures, pixels."""
        self._input = {name: np.zeros(shape, np.float32)}
        made = self._runner(self._input)[0]
        if made.shape != shape:
            raise ModelError(_wrong(path, f"gives {list(made.shape)}"))

    def __call__(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Restore a face, float32 [N, N, 3], RGB, 0…1, aligned as ``ffhq_512``.

        Raises
        ------
        ModelError
            If the network fails.
        """
        (given,) = self._input.values()
        np.multiply(picture.transpose(2, 0, 1), 2, out=given[0])
        given -= 1
        made = self._runner(self._input)[0][0].transpose(1, 2, 0)
        lit = made * np.float32(0.5) + np.float32(0.5)
        return np.asarray(np.clip(lit, 0, 1), np.float32)

    def change(self, crop: Crop, points: Points) -> Crop:
        """Return what restoring changes in a crop, float32 [3, S, S], at most `_MOST` a level.

        Parameters
        ----------
        crop : float32 [3, S, S], RGB, 0…1
        points : float32 [5, 2], pixels of the crop
        """
        side, size = crop.shape[1], self.size
        way = crop_affine(points, "ffhq_512", size)
        given = np.ascontiguousarray(crop.transpose(1, 2, 0))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        there = cv2.warpAffine(given, way, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT)
        there = np.clip(there, 0, 1, dtype=np.float32)
        residual = self(there) - there
        finer = 1 / max(float(np.sqrt(abs(np.linalg.det(way[:, :2])))), 1e-6)
        if finer > 1:  # several of its pixels fall on one of ours
            residual = cv2.GaussianBlur(residual, (0, 0), 0.5 * finer)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        back = cv2.warpAffine(residual, invert(way), (side, side), flags=flags)
        out: Crop = np.ascontiguousarray(back.transpose(2, 0, 1), np.float32)
        return np.clip(out, -_MOST, _MOST, out=out)


def _wrong(path: Path, what: str) -> str:
    return (
        f"{path.name} is no face restorer: it {what}; one takes a picture [1, 3, 512, 512] "
        "(or 256), RGB -1…1, and gives one of that size, as GFPGAN and GPEN do"
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """A swapped face to be restored, and, when it is done, what that changed."""

    track: int
    crop: Crop
    points: Points
    cells: NDArray[np.float32]
    frame: int
    residual: Crop | None = None


class Restorer:
    """Restores swapped faces at a pace of its own; `with` bounds the life of its thread.

    Parameters
    ----------
    net : RestorerNet
    detached : whether it works beside the frames (live), not in them
    on_event : is told what happened, in one line each
    """

    def __init__(
        self,
        net: RestorerNet,
        *,
        detached: bool = True,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._net, self._detached, self._event = net, detached, on_event
        self._wanted: Latest[_Order] = Latest()
        self._done: Latest[_Order] | None = None
        self._opened = ExitStack()
        self._kept: dict[int, _Order] = {}
        self._asked: dict[int, int] = {}
        self._busy, self._failed, self._frame = False, False, 0
        self._cells = np.zeros((3, _CELLS, _CELLS), np.float32)
        self._share = np.zeros((_CELLS, _CELLS), np.float32)
        self._out: Crop = np.zeros((3, 0, 0), np.float32)

    def __call__(self, track: int, crop: Crop, points: Points) -> Crop:
        """Return a swapped face with what a restorer changed, where that still fits.

        Parameters
        ----------
        track : of the face; -1 has no past
        crop : float32 [3, S, S], RGB, 0…1
            The swapped face, aligned.
        points : float32 [5, 2], pixels of the crop

        Returns
        -------
        float32 [3, S, S]
            Overwritten by the next call; ``crop`` itself where nothing is added.
        """
        self._frame += 1
        self._collect()
        mean_cells(crop, self._cells)
        self._order(track, crop, points)
        kept = self._kept.get(track)
        if kept is None or kept.residual is None:
            return crop
        same = alike(kept.cells, self._cells, _SAME, _OTHER, self._share)
        old = self._frame - kept.frame > _OLDEST
        if same < _LEAST or old or kept.residual.shape != crop.shape:
            del self._kept[track]
            return crop
        if self._out.shape != crop.shape:
            self._out = np.zeros(crop.shape, np.float32)
        np.copyto(self._out, crop)
        add_where(kept.residual, self._share, self._out)
        return self._out

    def _order(self, track: int, crop: Crop, points: Points) -> None:
        """Ask for this face, if the restorer rests."""
        if self._busy or self._frame - self._asked.get(track, -_PAUSE) < _PAUSE:
            return
        self._asked = {t: n for t, n in self._asked.items() if self._frame - n < _FORGOTTEN}
        self._asked[track] = self._frame
        order = _Order(track, crop.copy(), points.copy(), self._cells.copy(), self._frame)
        if not self._detached:
            self._take(self._restored(order))
            return
        if self._done is None:
            self._wanted = Latest()
            self._done = self._opened.enter_context(on_thread("restorer", self._works))
            self._opened.callback(self._wanted.close)
        self._busy = True
        self._wanted.put(order)

    def _collect(self) -> None:
        if self._busy and self._done is not None:
            order = self._done.get(timeout=0)
            if order is not None:
                self._busy = False
                self._take(order)

    def _take(self, order: _Order) -> None:
        if order.residual is not None:
            self._kept[order.track] = order

    def _works(self) -> Iterator[_Order]:
        for order in self._wanted:
            yield self._restored(order)

    def _restored(self, order: _Order) -> _Order:
        try:
            change = self._net.change(order.crop, order.points)
        except ModelError as error:
            if not self._failed:
                self._event(f"faces are not restored now: {error}")
            self._failed = True
            return order
        self._failed = False
        done = order.track, order.crop, order.points, order.cells, order.frame
        return _Order(*done, residual=change)

    def __enter__(self) -> "Restorer":
        return self

    def __exit__(self, *_: object) -> None:
        self._done = None
        self._opened.close()


def open_restorer(
    path: Path | None, stack: ExitStack, on_event: Callable[[str], None], *, detached: bool
) -> Restorer | None:
    """Open a restorer for a run; ``stack`` closes it. Without a path there is none.

    Raises
    ------
    ModelError
        If the file is no restorer.
    """
    if path is None:
        return None
    net = RestorerNet(path, on_event=on_event)
    return stack.enter_context(Restorer(net, detached=detached, on_event=on_event))
