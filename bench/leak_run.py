"""One run of the live loop over marked clips, with one part failing and every picture judged."""

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from swapcast.bench.annotations import TrueFace
from swapcast.bench.faults import HANG_S, Failing, Kind, SourceKind, Unplugged, failing
from swapcast.bench.judge import Judge, Look
from swapcast.export.runners import Provider, open_runner
from swapcast.realtime.analyser import Analyser
from swapcast.realtime.check import face_check
from swapcast.realtime.check_ahead import CheckAhead
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.cover import Cover
from swapcast.realtime.detector import detector
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Colour, Frame, Picture
from swapcast.realtime.guard import GuardMode
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.loop import run
from swapcast.realtime.meter import Meter
from swapcast.realtime.occlusion import occlusion_net
from swapcast.realtime.runner import OpenNetwork
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.who import Everybody, Largest

_STEP_S = 0.15  # that the source waits for a frame to come out before it gives the next one


@dataclass(frozen=True)
class Marked:
    """A clip whose true faces are known."""

    path: Path
    faces: Mapping[int, Sequence[TrueFace]]
    """Of each frame by its number."""
    looks: Mapping[int, Sequence[Look]]
    """What the judge sees at each of them in the input."""


@dataclass
class Tally:
    """What one run let out."""

    frames: int = 0
    """Different emitted pictures with at least one true face in their frame."""
    without: int = 0
    """Different emitted pictures of frames without a true face."""
    repeats: int = 0
    guarded: int = 0
    """Frames in which something was covered."""
    swapped: int = 0
    """Faces that wore their swap."""
    leaks: list[dict[str, Any]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)


@dataclass
class Steps:
    """All clips as one live source that gives a frame when the one before has come out."""

    clips: Sequence[Marked]
    out: threading.Semaphore
    places: dict[float, tuple[Marked, int]] = field(default_factory=dict)
    """Which clip, and which frame of it, was given at a time."""
    name: str = "clips"
    live: bool = True

    def frames(self) -> Iterator[Frame]:
        """Go on where it was, if it is read again after a crash."""
        clock = time.monotonic
        before, number = len(self.places), -1
        for clip in self.clips:
            for frame in Clip(path=clip.path).frames():
                number += 1
                if number < before:
                    continue
                now = clock()
                self.places[now] = clip, frame.number
                yield replace(frame, number=number - before, captured_at=now)
                self.out.acquire(timeout=_STEP_S)


@dataclass
class Judging:
    """A sink that judges each picture; it wants a cadence, as a virtual camera does."""

    judge: Judge
    steps: Steps
    tally: Tally
    hang: Failing | None = None
    name: str = "judge"
    colour: Colour | None = None
    fills_gaps: bool = True
    _last: tuple[int, int] = (-1, -1)

    def write(self, picture: Picture) -> None:
        """Judge one picture; the same one shown again is only counted."""
        if self.hang is not None:
            if self.hang.when(self.hang.calls):
                self.hang.faults += 1
                time.sleep(HANG_S)
            self.hang.calls += 1
        this = (picture.number, id(picture.data))
        if this == self._last:
            self.tally.repeats += 1
            return
        self._last = this
        clip, frame = self.steps.places[picture.captured_at]
        self._judge(picture, clip, frame)
        self.steps.out.release()

    def _judge(self, picture: Picture, clip: Marked, frame: int) -> None:
        faces, tally = clip.faces.get(frame, ()), self.tally
        if not faces:
            tally.without += 1
            return
        tally.frames += 1
        for face, true in zip(faces, clip.looks[frame], strict=True):
            leaks, score, apart = self.judge.leaks(self.judge.look(picture, face.points), true)
            tally.scores.append(score)
            tally.apart.append(apart)
            if leaks:
                where = {"clip": clip.path.name, "frame": frame, "emitted": picture.number}
                tally.leaks.append(
                    where | {"score": round(score, 3), "apart": round(apart, 4), "size": face.size}
                )

    def __enter__(self) -> "Judging":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


def inject(
    fault: str,
    clips: Sequence[Marked],
    judge: Judge,
    *,
    face: str,
    provider: Provider,
    who: Literal["largest", "all"],
    guard: GuardMode,
) -> tuple[Tally, int]:
    """Run the live loop over all clips with one part failing.

    Parameters
    ----------
    fault : part and kind, such as ``swapper:nan``, or ``none``
    clips : what is played
    judge : looks at every picture that leaves
    face : name of the face, or path of its pack
    provider : what computes the swapper
    who : whose face is to be swapped
    guard : what is shown instead

    Returns
    -------
    Tally, int
        What came out, and how often the part failed.
    """
    part, _, kind = fault.partition(":")
    failing_part = "swapper" if part == "pack" else part
    plan = next((failing(one) for one in get_args(Kind) if kind == one), None)
    tally = Tally()
    steps = Steps(clips, threading.Semaphore(0))
    broken = next((one for one in get_args(SourceKind) if fault == f"source:{one}"), None)
    source = steps if broken is None else Unplugged(steps, broken)
    sink = Judging(judge, steps, tally, hang=plan if part == "sink" else None)
    meter = Meter(say=lambda text: print(f"    {text}", file=sys.stderr))

    def network(name: str) -> Any:
        return plan.around(open_runner) if plan and name == failing_part else open_runner

    with ExitStack() as stack:
        swapper = stack.enter_context(
            _swapper(face, provider, meter, network("swapper"), replaced=part == "pack")
        )
        look = landmark_net(open_network=network("landmarks"))
        analyse = stack.enter_context(
            Analyser(
                detector(open_network=network("detector")), look, look.size, detached=True, every=5
            )
        )
        search = face_check(open_detector=network("check"), open_landmarks=network("look"))
        check = stack.enter_context(CheckAhead(search))
        whose = Everybody() if who == "all" else Largest()
        compositor = Compositor(occlusion=occlusion_net(open_network=network("occlusion")))
        swap = FaceSwap(swapper, compositor, check, meter, who=whose, mode=guard)
        run(
            *(source, analyse, swap, [sink], meter),
            stop=threading.Event(),
            cover=Cover(guard),
        )
    tally.guarded, tally.swapped = meter.guarded, meter.faces["swapped"]
    faults = source.faults if isinstance(source, Unplugged) else plan.faults if plan else 0
    return tally, faults


def _swapper(
    face: str, provider: Provider, meter: Meter, open_network: OpenNetwork, *, replaced: bool
) -> Swapper:
    """Open the swapper; if asked, its pack is replaced by other bytes as soon as it is open."""
    uses = uses_of(["null"])
    store = face_store()
    with tempfile.TemporaryDirectory() as folder:
        if replaced:
            pack = Path(folder) / "copy.face"
            with resources.as_file(resources.files("swapcast.assets") / "demo.face") as path:
                shutil.copy(path, pack)
            face = str(pack)
        swapper = Swapper(
            *(store.find(face, uses), provider),
            uses=uses,
            on_event=meter.event,
            open_network=open_network,
        )
        if replaced:
            pack.write_bytes(b"another file")
    return swapper
