"""Does a true face ever leave? All clips, all faults, judged by networks that had no part in it.

A leak is an emitted picture in which an annotated true face is recognised as the person it is (by
an independent recogniser, at the threshold at which one pair of different people in 10,000 would
be), or in which the inner face is nearly pixel for pixel the input. The same test is run on
pictures that nobody guarded, and must find nearly all of them, or it proves nothing.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from swapcast.bench.annotations import TrueFace, true_faces
from swapcast.bench.judge import CLOSE, Judge, Look, far_threshold, tight_bound
from swapcast.bench.leak_run import Marked, Tally, inject
from swapcast.bench.timing import metadata
from swapcast.export.runners import Provider
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.errors import SettingError
from swapcast.realtime.guard import GuardMode
from swapcast.realtime.settings import DEFAULT_FACE

_SUFFIXES = (".mp4", ".mov", ".mpg", ".gif", ".mkv", ".avi")
_PARTS = ("swapper", "landmarks", "detector", "check", "look", "occlusion")
_FAULTS: tuple[str, ...] = (
    "none",
    *("swapper:lost", "source:gap", "pack:raise"),
    *(f"{part}:{kind}" for kind in ("raise", "hang", "nan", "garbage") for part in _PARTS),
    *("swapper:echo", "swapper:copy", "swapper:stuck", "check:blank", "detector:blank"),
    *("source:crash", "source:corrupt", "sink:hang"),
)


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """Look for true faces in what leaves, on all clips and under all faults."""

    clips: Path
    """Folder of clips, searched with its sub-folders."""
    judge: Path
    """ONNX file of the recogniser: face-reidentification-retail-0095."""
    finder: Path
    """YuNet's ONNX file: marks the true faces."""
    mesh: Path
    """ONNX file of the face mesh: marks the true faces."""
    portraits: Path
    """Folder of pictures of different people, for the recogniser's threshold."""
    cache: Path = Path("runs/leaks")
    """Where the marks are kept."""
    face: str = DEFAULT_FACE
    faults: tuple[str, ...] = _FAULTS
    """Which faults to inject, such as swapper:nan; none is a run without any."""
    who: Literal["largest", "all"] = "all"
    """Whose face is to be swapped. With largest, clips that show more than one face are left out:
    a stranger's face is no leak."""
    guard: GuardMode = "blur"
    """With pass the proof must fail: then the faults do leak."""
    provider: Provider = "cpu"
    """What computes the swapper and the judge. A provider can be lost only if it is not cpu."""
    threshold: float | None = None
    """Of the recogniser; nothing given: found on the portraits and clips, one in 10,000."""
    control: bool = True
    """Judge unguarded pictures too: without that a run proves nothing by itself."""
    json: Path | None = None
    """Write the figures to this file."""


_FAR = 1e-4  # pairs of different people that the recogniser may take for one


def main(settings: Leaks) -> None:
    """Run everything, print a table and, as the last line, the figures as JSON."""
    judge = Judge(settings.judge, settings.provider)
    clips = list(_marked(settings, judge))
    if not clips:
        raise SettingError(f"--clips {settings.clips} holds no clip ({', '.join(_SUFFIXES)})")
    judge.threshold = settings.threshold or _threshold(settings, judge, clips)
    control = _control(judge, clips) if settings.control else None
    print(f"{'unguarded, frontal':<22} {control}")
    about = metadata() | _about(settings, judge, clips)
    rows: list[dict[str, Any]] = []
    for fault in settings.faults:
        tally, faults = inject(
            *(fault, clips, judge),
            face=settings.face,
            provider=settings.provider,
            who=settings.who,
            guard=settings.guard,
        )
        rows.append({"fault": fault, "injected": faults} | _row(tally))
        print(json.dumps(rows[-1]), flush=True)
        whole = {"metadata": about, "control": control, "results": rows, "all": _sum(rows)}
        if settings.json is not None:  # after each fault: a run of an hour may be interrupted
            settings.json.write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(whole))


def _marked(settings: Leaks, judge: Judge) -> Iterator[Marked]:
    """Mark the true faces of all clips, and look at each in the input."""
    paths = (path for path in settings.clips.rglob("*") if path.suffix in _SUFFIXES)
    for path in sorted(paths):
        print(f"marking {path.name}", file=sys.stderr)
        faces: defaultdict[int, list[TrueFace]] = defaultdict(list)
        for face in true_faces(path, settings.finder, settings.mesh, settings.cache):
            faces[face.frame].append(face)
        looks: dict[int, list[Look]] = {}
        if settings.who == "largest" and max(map(len, faces.values()), default=0) > 1:
            continue
        for frame in Clip(path=path).frames():
            looks[frame.number] = [judge.look(frame, f.points) for f in faces[frame.number]]
        yield Marked(path, faces, looks)


def _threshold(settings: Leaks, judge: Judge, clips: Sequence[Marked]) -> float:
    """Find the cosine that one in 10,000 pairs of different people reaches.

    People are the portraits and the clips of one person; two clips in which the judge sees the
    same person count as one.
    """
    codes: list[NDArray[np.float32]] = []
    people: list[int] = []
    references: list[tuple[int, NDArray[np.float32]]] = []
    for number, path in enumerate(sorted(settings.portraits.glob("*.jpg"))):
        faces = true_faces(path, settings.finder, settings.mesh, settings.cache)
        for frame in Clip(path=path).frames():
            if faces:
                largest = max(faces, key=lambda face: face.size)
                codes.append(judge.look(frame, largest.points).code)
                people.append(number)
    for clip in clips:
        if max((len(faces) for faces in clip.faces.values()), default=0) != 1:
            continue
        frontal = [
            looks[0].code
            for number, looks in clip.looks.items()
            if number % 5 == 0 and looks and clip.faces[number][0].frontal
        ]
        if not frontal:
            continue
        mean = np.mean(frontal, 0)
        alike = [who for who, code in references if code @ mean > 0.6 * np.linalg.norm(mean)]
        who = alike[0] if alike else 1000 + len(references)
        references.append((who, mean / np.linalg.norm(mean)))
        codes += frontal
        people += [who] * len(frontal)
    return far_threshold(np.array(codes, np.float32), people, _FAR)


def _control(judge: Judge, clips: Sequence[Marked]) -> dict[str, Any]:
    """Judge the pictures that the output pass makes of frontal frames when nobody guards them."""
    frames = flagged = 0
    recognised: list[bool] = []
    compositor = Compositor()
    for clip in clips:
        codes = [look.code for looks in clip.looks.values() for look in looks]
        single = max((len(faces) for faces in clip.faces.values()), default=0) == 1
        for frame in Clip(path=clip.path).frames():
            picture = compositor.finish(frame, (), ())
            places = zip(clip.faces.get(frame.number, ()), clip.looks[frame.number], strict=True)
            for face, true in places:
                if not face.frontal:
                    continue
                seen = judge.look(picture, face.points)
                frames += 1
                flagged += judge.leaks(seen, true)[0]
                if single:
                    others = np.mean(codes, 0)
                    score = seen.code @ others / np.linalg.norm(others)
                else:
                    score = seen.code @ true.code
                recognised.append(bool(score > judge.threshold))
    return {
        "frames": frames,
        "flagged": flagged,
        "share": round(flagged / max(frames, 1), 4),
        "recognised_share": round(float(np.mean(recognised or [False])), 4),
    }


def _row(tally: Tally) -> dict[str, Any]:
    scores = tally.scores or [0.0]
    return {
        "frames": tally.frames,
        "leaks": len({(leak["clip"], leak["emitted"]) for leak in tally.leaks}),
        "frames_without_a_face": tally.without,
        "repeats": tally.repeats,
        "guarded_frames": tally.guarded,
        "swapped_faces": tally.swapped,
        "score": {f"p{p}": round(float(np.percentile(scores, p)), 3) for p in (50, 99, 100)},
        "apart_min": round(min(tally.apart, default=1.0), 4),
        "where": tally.leaks[:20],
    }


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    frames, leaks = sum(row["frames"] for row in rows), sum(row["leaks"] for row in rows)
    return {
        "frames": frames,
        "leaks": leaks,
        "bound_95": float(f"{tight_bound(leaks, frames):.3g}"),
    }


def _about(settings: Leaks, judge: Judge, clips: Sequence[Marked]) -> dict[str, Any]:
    return {
        "clips": [clip.path.name for clip in clips],
        "who": settings.who,
        "guard": settings.guard,
        "provider": settings.provider,
        "threshold": round(judge.threshold, 4),
        "pixel_close": round(CLOSE, 4),
    }
