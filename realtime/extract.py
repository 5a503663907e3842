"""`swapcast extract`: clips and pictures of a person become aligned faces to learn from."""

import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from swapcast.kernels.colour import rgb_from_yuv
from swapcast.kernels.geometry import TEMPLATES, crop_affine, invert, transform
from swapcast.kernels.warp import sample
from swapcast.realtime.consent import ConsentRecord, Use, issue_record
from swapcast.realtime.embedding import FaceEmbedder, face_embedder
from swapcast.realtime.errors import SettingError, SourceError
from swapcast.realtime.face_cleaning import LEFT_OUT, PAGE, clean, packed, write_page
from swapcast.realtime.face_folder import (
    MANIFEST,
    SHEET,
    begin_manifest,
    clip_key,
    write_picture,
    write_sheet,
    write_text,
)
from swapcast.realtime.face_store import face_store
from swapcast.realtime.frame import Face, Frame
from swapcast.realtime.material import clips_of, read_frames
from swapcast.realtime.policy import accept_policy
from swapcast.realtime.sharpness import drop_blurred, sharpness
from swapcast.realtime.training_consent import consent_record

Analyse = Callable[[Frame], Sequence[Face]]
"""A `FaceAnalyser`, as far as this needs one."""


@dataclass(frozen=True, kw_only=True)
class Extract:
    """Make a face set from clips, pictures or folders of pictures."""

    paths: tyro.conf.Positional[tuple[Path, ...]]
    """CLIP… FACES: what to read, and last the folder to write."""
    consent: str
    """The subject's consent record: its file, its id or the subject's name (`swapcast face
    records`); or `fictional`, for a person who does not exist."""
    subject: str = ""
    """For a fictional face: what it was made from."""
    statement: str = ""
    """For a fictional face: how you know that nobody has it."""
    scope: tuple[Use, ...] = ("live", "recording")
    """For a fictional face: what it may be used for."""
    trust: str = ""
    """Fingerprint of a further key of the subject, which you compared with the subject."""
    accept_policy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """You have read docs/use-policy.md and accept it."""
    licence: str = "private"
    """Under which the clips may be used."""
    template: str = "dfl_whole_face"
    """How faces are aligned."""
    size: int = 256
    """Side of a crop, pixels."""
    every: int = 1
    """Take each n-th frame of a clip."""
    sharp: float = 0.35
    """Drop a crop less sharp than this share of its clip's median."""
    clean: bool = True
    """Leave out faces that look like somebody else than most of the set."""
    alike: float = 0.012
    """Drop a crop of which no sixteenth differs more than this from the one kept before, 0…1."""

    def __post_init__(self) -> None:
        if len(self.paths) < 2:
            raise SettingError("give at least one clip and the folder to write: CLIP… FACES")
        if self.template not in TEMPLATES:
            raise SettingError(f"no template {self.template!r}; there are {', '.join(TEMPLATES)}")
        if self.size < 64 or self.every < 1:
            raise SettingError(
                f"--size {self.size} needs 64 or more, --every {self.every} 1 or more"
            )
        made_here = self.consent == "fictional"
        if made_here and not (self.subject.strip() and self.statement.strip()):
            raise SettingError("--consent fictional needs --subject and --statement")
        if not made_here and (self.subject or self.statement):
            raise SettingError(
                "--subject and --statement go with --consent fictional; a real person's consent "
                "is a record: the own one by `swapcast face enroll`, another's by `swapcast face "
                "sign` on that person's machine"
            )


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was taken from the clips."""

    kept: int
    faceless: int
    """Pictures without a face."""
    alike: int
    """Dropped as too like the one before."""
    blurred: int
    """Dropped as less sharp than the rest of the clip."""
    skipped: int
    """Clips that the set has already."""
    others: int = 0
    """Left out because they look like somebody else."""


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """Carry out `swapcast extract …`.

    Raises
    ------
    SwapcastError
        If the settings cannot work, or a clip cannot be read.
    """
    from swapcast.realtime.analyser import open_analyser  # noqa: PLC0415 - after --help

    settings = tyro.cli(Extract, prog="swapcast extract", args=list(argv))
    store = face_store(say)
    record = consent_record(
        settings.consent,
        settings.paths[-1],
        store,
        fictional=lambda: issue_record(
            subject=settings.subject,
            kind="fictional",
            statement=settings.statement,
            scope=settings.scope,
            key=store.key,
            policy=accept_policy(settings.accept_policy, say),
        ),
        subject=settings.subject,
        trust=settings.trust,
    )
    out = settings.paths[-1]
    store.people.note_place(record.subject, out.resolve())
    store.log("faces extracted", record)
    embed = face_embedder() if settings.clean else None
    done = extract(settings, record, lambda: open_analyser("own", detached=False), embed=embed)
    say(
        f"{out}: kept {done.kept} faces; dropped {done.blurred} blurred, {done.alike} alike, "
        f"{done.faceless} without a face; {done.skipped} clips were there already"
    )
    if done.others:
        say(f"{done.others} faces look like somebody else: they are in {out / LEFT_OUT}")
    say(
        f"look at {out / SHEET} and {out / PAGE}, delete the crops you do not want, "
        "then `swapcast train`"
    )


def extract(
    settings: Extract,
    record: ConsentRecord,
    analyser: Callable[[], AbstractContextManager[Analyse]],
    *,
    embed: FaceEmbedder | None = None,
    frames: Callable[[Path], Iterator[Frame]] | None = None,
    console: Console | None = None,
) -> Extracted:
    """Take the faces out of clips and write them as a face set.

    A clip that the set has already is skipped, so that a broken run can be taken up again.

    Parameters
    ----------
    settings : what to read, where to write
    record : the subject's consent, which the set carries
    analyser : opens what finds faces and their landmarks
        Opened anew for every clip and picture: no face is followed from one into the next.
    embed : the identity network, to leave out other people; None: everybody is kept
    frames : opens a clip; None: files of any kind that can be read
    console : where the progress goes; None: standard error

    Raises
    ------
    ConsentError
        If the record does not hold.
    SourceError
        If a clip cannot be read, or none has a face.
    """
    record.check(datetime.date.today())
    out, total = settings.paths[-1], _Counts()
    about = {
        "format": 1,
        "subject": record.subject,
        "template": settings.template,
        "size": settings.size,
        "licence": settings.licence,
        "consent": record.plain(),
    }
    manifest = begin_manifest(out, about)
    clips = [clip for path in settings.paths[:-1] for clip in clips_of(path)]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console or Console(stderr=True)) as progress:
        task = progress.add_task("extracting")
        for clip in clips:
            key = clip_key(clip)
            if key in manifest["clips"]:
                total.skipped += 1
                continue
            taken: dict[str, Any] = {}
            with analyser() as analyse:
                for number, frame in enumerate((frames or read_frames)(clip)):
                    if number % settings.every == 0:
                        _take(
                            *(frame, analyse, settings, f"{key}-{number:06d}.jpg"),
                            *(taken, total, embed),
                        )
                        progress.update(
                            task, description=f"{clip.name}: frame {number}, {len(taken)} faces"
                        )
            total.blurred += drop_blurred(out, taken, settings.sharp)
            manifest["clips"][key] = clip.name
            manifest["sources"] = sorted(set(manifest["clips"].values()))
            manifest["crops"] |= taken
            write_text(out / MANIFEST, json.dumps(manifest, indent=1))
            total.kept += len(taken)
    if not manifest["crops"]:
        raise SourceError(f"no face in {', '.join(c.name for c in clips)}; is it lit and upright?")
    others = 0 if embed is None else clean(out, manifest, embed.scale)
    if others:
        write_text(out / MANIFEST, json.dumps(manifest, indent=1))
    write_sheet(out, sorted(manifest["crops"]))
    write_page(out, manifest)
    counts = total.kept - others, total.faceless, total.alike, total.blurred, total.skipped
    return Extracted(*counts, others)


@dataclass(slots=True)
class _Counts:
    kept: int = 0
    faceless: int = 0
    alike: int = 0
    blurred: int = 0
    skipped: int = 0
    last: NDArray[np.float32] = field(default_factory=lambda: np.zeros((16, 16), np.float32))


def _take(
    frame: Frame,
    analyse: Analyse,
    settings: Extract,
    name: str,
    taken: dict[str, Any],
    counts: _Counts,
    embed: FaceEmbedder | None,
) -> None:
    faces = analyse(frame)
    if not faces:
        counts.faceless += 1
        return
    face = max(faces, key=lambda f: float((f.box[2] - f.box[0]) * (f.box[3] - f.box[1])))
    affine = crop_affine(face.points, settings.template, settings.size)
    crop = np.empty((3, settings.size, settings.size), np.float32)
    matrix = rgb_from_yuv(frame.colour.matrix, frame.colour.full_range)
    sample(frame.y, frame.u, frame.v, frame.width, frame.height, matrix, affine, 1.0, 0.0, crop)
    grey = crop.mean(0)
    small = np.asarray(cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA), np.float32)
    if taken and float(abs(small - counts.last).max()) < settings.alike:
        counts.alike += 1
        return
    counts.last = small
    bgr = (crop[::-1].transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
    write_picture(settings.paths[-1] / name, bgr)
    points = transform(invert(affine), face.landmarks)
    taken[name] = {
        "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in points],
        "sharpness": round(sharpness(grey, points), 6),
    }
    if embed is not None:
        taken[name]["vector"] = packed(embed(frame, face.points))
