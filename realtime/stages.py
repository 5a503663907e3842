"""The step between the analysed frame and the finished picture: swap, guard, composite."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from swapcast.kernels.geometry import crop_affine, invert, transform
from swapcast.realtime.check import Begins, Check
from swapcast.realtime.compositor import Compositor, Paste
from swapcast.realtime.detector import Detection
from swapcast.realtime.errors import ModelError
from swapcast.realtime.frame import Colour, Face, Frame, Picture, Points
from swapcast.realtime.guard import Guard, GuardMode, Verdict
from swapcast.realtime.head_pose import likeness
from swapcast.realtime.look import Look
from swapcast.realtime.loop import Finished
from swapcast.realtime.meter import Meter
from swapcast.realtime.places import Box
from swapcast.realtime.restorer import Restorer
from swapcast.realtime.stillness import SwapsCrops
from swapcast.realtime.who import Largest, Roles, Who

_LEAST_LIKE = 0.8  # to a face: its landmarks; turned by 60 degrees they still are
_ALIKE = 0.27  # standard deviations of brightness; a quarter is as good as the same picture
_UNDER = 3  # of five points: a hand may hide the others


class FaceSwap:
    """Gives the chosen faces of each frame their new identity, and covers those it cannot.

    Parameters
    ----------
    swapper : Swapper, or a Stillness about one
    compositor : Compositor
    check : looks at each frame once more before it leaves
    meter : Meter
    who : says whose face is swapped; nothing given: the largest
    mode : what is shown where a face should be swapped and is not
    colours : what the sinks ask for; one full-frame pass each
    suggest : is told of faces that the check found and the analyser does not follow
    restorer : sharpens swapped faces, or None
    further : swappers of further people, numbered from 1, if ``who`` gives them another face
    """

    def __init__(  # noqa: PLR0913 - the parts of a stage
        self,
        swapper: SwapsCrops,
        compositor: Compositor,
        check: Check,
        meter: Meter,
        *,
        who: Who | None = None,
        mode: GuardMode = "blur",
        colours: Sequence[Colour | None] = (None,),
        further: Sequence[SwapsCrops] = (),
        suggest: Callable[[Sequence[Detection]], None] | None = None,
        restorer: Restorer | None = None,
    ) -> None:
        self._swappers, self._compositor, self._check = (swapper, *further), compositor, check
        self._meter, self._suggest, self._restorer = meter, suggest, restorer
        self._who, self._mode = who or Largest(), mode
        self._colours = tuple(dict.fromkeys(colours))
        self._guard = Guard(strangers=self._who.doubts)
        self._size = (0, 0)
        self._shown: dict[Colour | None, Picture] = {}
        self._guarding = False

    @property
    def provider(self) -> str:
        """What computes the swap."""
        return self._swappers[0].provider

    @property
    def precision(self) -> str:
        """The number format of the swap."""
        return self._swappers[0].precision

    @property
    def look(self) -> Look:
        """How faces are put into the picture."""
        return self._compositor.look

    def wear(self, look: Look) -> None:
        """Put faces in by another look, from the next frame on."""
        self._compositor.look = look

    def change(self, swapper: SwapsCrops) -> None:
        """Let the first person wear another face, from the next frame on."""
        self._swappers = (swapper, *self._swappers[1:])

    def restart(self) -> None:
        """Forget what was seen: the whole picture is covered until it is known again."""
        self._guard.forget()
        self._who.restart()
        for swapper in self._swappers:
            swapper.restart()

    def __call__(self, frame: Frame, faces: tuple[Face, ...] | None) -> Finished:
        """Finish one frame; without ``faces`` nobody knows where they are."""
        if (frame.width, frame.height) != self._size:
            self._size = (frame.width, frame.height)
            self._guard.forget()
        if isinstance(self._check, Begins):
            self._check.begin(frame)
        roles = self._who(frame, faces or (), self._guard)
        pastes: list[Paste] = []
        swapped: list[Face] = []
        failed: list[Face] = []
        for face, number in roles.wearers:
            try:
                paste = self._swap(frame, face, self._swappers[number])
            except ModelError as error:
                self._meter.event(f"a face could not be swapped: {error}")
                failed.append(face)
                continue
            if paste.opacity > 0:
                pastes.append(paste)
                swapped.append(face)
            else:  # turned too far away for any swap
                failed.append(face)
        verdict = self._judge(frame, swapped, failed, roles, pastes, analysed=faces is not None)
        self._note(bool(verdict.regions))
        if verdict.found and self._suggest is not None:
            self._suggest(verdict.found)
        with self._meter.timing("composite"):
            pictures = self._finish(frame, pastes, verdict.regions)
        return Finished(
            pictures, len(swapped), verdict.guarded, verdict.untouched, verdict.undecided
        )

    def _swap(self, frame: Frame, face: Face, swapper: SwapsCrops) -> Paste:
        compositor, timing = self._compositor, self._meter.timing
        if not (np.isfinite(face.landmarks).all() and np.isfinite(face.points).all()):
            raise ModelError("nobody knows where it is")
        if likeness(face.landmarks) < _LEAST_LIKE:
            raise ModelError("its landmarks make no face")
        affine = crop_affine(face.points, swapper.template, swapper.size)
        with timing("crop"):
            compositor.crop(frame, affine, swapper.crop[0])
        with timing("infer"):
            picture, predicted = swapper()
        crop = swapper.crop[0]
        if self._restorer is not None:
            with timing("restore"):
                points = transform(invert(affine), face.points)
                picture = self._restorer(face.track, picture, points)
        with timing("occlusion"):
            cover = compositor.covers(crop)
        with timing("mask"):
            paste = compositor.paste(
                *(face, crop, picture, predicted, affine),
                cover=cover,
                frame=frame,
                hairline=swapper.hairline,
            )
        if paste.apart < _ALIKE and not swapper.sliders:  # those change the wearer's own face
            raise ModelError("the swapped face is too much like the true one")
        return paste

    def _judge(
        self,
        frame: Frame,
        swapped: Sequence[Face],
        failed: Sequence[Face],
        roles: Roles,
        pastes: Sequence[Paste],
        *,
        analysed: bool,
    ) -> Verdict:
        """Look at the frame once more and say what must be covered."""
        try:
            with self._meter.timing("check"):
                hits = self._check.hits(frame)
                verdict = self._guard(
                    *(swapped, failed, roles.others, hits),
                    look=lambda hit: self._check.look(frame, hit),
                    worn=lambda points: any(_under(paste, points) for paste in pastes),
                    unknown=roles.unknown,
                    strangers=roles.strangers,
                )
        except ModelError as error:
            self._meter.event(f"a frame could not be checked: {error}")
            return self._guard.blind()
        return verdict if analysed else self._guard.blind()

    def _finish(
        self, frame: Frame, pastes: Sequence[Paste], regions: Sequence[Box]
    ) -> dict[Colour | None, Picture]:
        hidden = bool(regions)
        if hidden and self._mode == "freeze" and self._shown:
            return {
                colour: replace(picture, number=frame.number, captured_at=frame.captured_at)
                for colour, picture in self._shown.items()
            }
        boxes = () if self._mode == "pass" else tuple(regions)
        slate = hidden and (self._mode == "slate" or (self._mode == "freeze" and not self._shown))
        pictures = {
            colour: self._compositor.finish(frame, pastes, boxes, colour, slate=slate)
            for colour in self._colours
        }
        if self._mode == "freeze" and not hidden:
            self._shown = dict(pictures)
        return pictures

    def _note(self, guarding: bool) -> None:
        if guarding != self._guarding:
            self._guarding = guarding
            self._meter.event(f"guard {'on: ' + self._mode if guarding else 'off'}")


def _under(paste: Paste, points: Points) -> bool:
    """Tell whether most of five points lie where a swapped face shows, or what hides it."""
    mask = paste.mask if paste.whole is None else paste.whole
    size = mask.shape[0]
    places = np.rint(transform(invert(paste.affine), points)).astype(np.intp)
    inside = places[((places >= 0) & (places < size)).all(1)]
    return bool(np.count_nonzero(mask[inside[:, 1], inside[:, 0]] > 0.5) >= _UNDER)
