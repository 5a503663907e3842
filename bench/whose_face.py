"""Is the right person swapped, and nobody else? ``python -m swapcast.bench.whose_face --help``.

Each true face of each frame is one of: swapped, covered, left as it is. Of the enrolled person none
may be left as it is (a leak, judged by an independent recogniser and by the pixels); of the others
all should be, once they are known to be strangers.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import tyro

from swapcast.bench.annotations import TrueFace, true_faces
from swapcast.bench.judge import CLOSE, Judge
from swapcast.bench.timing import metadata
from swapcast.bench.whose_clips import Case, cases
from swapcast.export.runners import Provider
from swapcast.realtime.analyser import Analyser
from swapcast.realtime.check import face_check
from swapcast.realtime.clip import Clip
from swapcast.realtime.compositor import Compositor
from swapcast.realtime.consent import uses_of
from swapcast.realtime.detector import detector
from swapcast.realtime.embedding import face_embedder
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.guard import Guard
from swapcast.realtime.identity_looks import IdentityLooks
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.meter import Meter
from swapcast.realtime.recognised import Recognised
from swapcast.realtime.references import reference_vectors
from swapcast.realtime.settings import DEFAULT_FACE
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.who import Roles


@dataclass(frozen=True, kw_only=True)
class WhoseFace:
    """Look who is swapped, who is covered and who is left as they are."""

    data: Path
    """Folder with clips, faces_ai and models."""
    threshold: float = 0.37
    """Of the judge: where it tells people apart."""
    provider: Provider = "cpu"
    """What computes the judge."""
    face: str = DEFAULT_FACE
    live: bool = False
    """Look for faces, and recognise them, beside the frames, at the clip's own speed."""
    cache: Path = Path("runs/leaks")
    """Where the marks and the composed clip are kept."""
    only: str = ""
    """Cases whose name begins so."""
    json: Path | None = None
    """Write the figures to this file."""


@dataclass
class Noted:
    """A `Recognised` of which the last answer is kept."""

    who: Recognised
    roles: Roles = field(default_factory=Roles)
    doubts: bool = False

    def __call__(self, frame: Frame, faces: Sequence[Face], guard: Guard) -> Roles:
        """Say who is who."""
        self.roles = self.who(frame, faces, guard)
        return self.roles

    def restart(self) -> None:
        """Forget who was who."""
        self.who.restart()

    def at(self, true: TrueFace) -> str:
        """Return the role of the face that lies where a true one is."""
        named = [
            *((face, "swapped") for face, _ in self.roles.wearers),
            *((face, "unknown") for face in self.roles.unknown),
            *((face, "stranger") for face in self.roles.strangers),
        ]
        x, y = true.points.mean(0)
        for face, role in named:
            left, top, right, bottom = face.box
            if left <= x <= right and top <= y <= bottom:
                return role
        return "not followed"


def main(settings: WhoseFace) -> None:
    """Run all cases, print a line for each and, last, the figures as JSON."""
    cv2.setNumThreads(1)
    models = settings.data / "models"
    judge = Judge(
        models / "openvino_omz/face-reidentification-retail-0095.onnx",
        settings.provider,
        settings.threshold,
    )
    rows = []
    tiles = settings.data / "faces_ai/tiles"
    for case in cases(settings.data / "clips", tiles, settings.cache):
        if case.name.startswith(settings.only):
            rows.append({"case": case.name} | _run(case, settings, judge))
            print(json.dumps(rows[-1]), flush=True)
    whole = {"metadata": metadata() | {"live": settings.live}, "results": rows}
    if settings.json is not None:
        settings.json.write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(whole))


def _run(case: Case, settings: WhoseFace, judge: Judge) -> dict[str, Any]:
    models = settings.data / "models"
    marked: defaultdict[int, list[TrueFace]] = defaultdict(list)
    finder, mesh = models / "yunet/yunet_n_dynamic.onnx", "mediapipe_onnx/face_landmark.onnx"
    for true in true_faces(case.clip, finder, models / mesh, settings.cache):
        marked[true.frame].append(true)
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    misses: list[dict[str, Any]] = []
    undecided: Counter[str] = Counter()
    known: set[str] = set()
    with ExitStack() as stack:
        analyse, noted, swap = _parts(case, settings, stack)
        for frame in Clip(path=case.clip, live=settings.live).frames():
            finished = swap(frame, analyse(frame))
            picture = finished.pictures[None]
            for true in marked[frame.number] if frame.number != case.skipped else ():
                before = judge.look(frame, true.points)
                leaks, score, apart = judge.leaks(judge.look(picture, true.points), before)
                who, role = case.person(*true.points.mean(0)), noted.at(true)
                undecided[who] += role == "unknown"
                mine = who == case.enrolled
                shown = "left" if apart < CLOSE else "changed"
                seen["enrolled" if mine else "others"][f"{role}, {shown}"] += 1
                known |= {who} if role == "stranger" else set()
                if not mine and who in known:
                    seen["once known"][f"{role}, {shown}"] += 1
                wrong = leaks if mine else role == "swapped"
                if wrong or (not mine and shown != "left"):
                    misses.append(
                        {"frame": frame.number, "who": who, "role": role, "leak": mine and leaks,
                         "score": round(score, 3), "apart": round(apart, 3)}
                    )  # fmt: skip
    return {
        "enrolled": dict(seen["enrolled"]),
        "others": dict(seen["others"]),
        "others_once_known": dict(seen["once known"]),
        "leaks": sum(one["leak"] for one in misses),
        "frames_undecided": dict(undecided),
        "where": misses[:40],
    }


def _parts(case: Case, settings: WhoseFace, stack: ExitStack) -> tuple[Analyser, Noted, FaceSwap]:
    look, meter = landmark_net(), Meter(say=lambda text: print(f"    {text}", file=sys.stderr))
    analyse = stack.enter_context(Analyser(detector(), look, look.size, detached=settings.live))
    embed, uses = face_embedder(), uses_of(["null"])
    picture = settings.cache / "reference.png"
    cv2.imwrite(str(picture), case.reference)
    vectors = reference_vectors([str(picture)], face_store(), embed)
    looks = stack.enter_context(IdentityLooks(embed, detached=settings.live))
    noted = Noted(Recognised([vectors], looks, scale=embed.scale))
    swapper = stack.enter_context(Swapper(face_store().find(settings.face, uses), uses=uses))
    swap = FaceSwap(
        *(swapper, Compositor(), face_check(), meter), who=noted, suggest=analyse.suggest
    )
    return analyse, noted, swap


if __name__ == "__main__":
    main(tyro.cli(WhoseFace))
