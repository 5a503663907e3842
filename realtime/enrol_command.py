"""`swapcast face enroll`: the subject shows, live, that it is the own face that may be used."""

import hashlib
import random
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import tyro

from swapcast.realtime.consent import Use, issue_record
from swapcast.realtime.errors import ConsentError, SettingError
from swapcast.realtime.face_store import FaceStore
from swapcast.realtime.policy import accept_policy

if TYPE_CHECKING:
    from swapcast.realtime.enrol_preview import Preview
    from swapcast.realtime.enrol_session import Enrolment
    from swapcast.realtime.frame import Frame
    from swapcast.realtime.sources import Source

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Enroll:
    """Show live, to a camera, that the face is your own, and consent to its use.

    You are asked to turn, look up and down, blink, open your mouth, smile and say digits, in random
    order. Nothing is written before you have finished; Ctrl-C leaves nothing.
    """

    name: tyro.conf.Positional[str]
    """Your name, as the record is to have it."""
    source: str = "0"
    """Camera (0, /dev/video0). Clips, streams and virtual cameras are refused."""
    statement: str = "This is my own face, and I allow its use on this machine."
    """What you allow, in your own words."""
    scope: tuple[Use, ...] = ("live",)
    """What your face may be used for."""
    expires: str = ""
    """Last day, such as 2027-12-31; nothing given: no end, but you can revoke at any time."""
    audio: str = "none"
    """A sound device (default, hw:1): the digits are then also heard. none: only seen."""
    window: bool = True
    """Show a mirror where there is a screen; otherwise, you are told in lines of text."""
    accept_policy: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """You have read docs/use-policy.md and accept it."""

    def __call__(self, store: FaceStore, say: Say) -> None:
        """Enrol, keep the record and the reference pictures, and say what to do with them."""
        from swapcast.realtime.enrol_preview import preview  # noqa: PLC0415 - after --help
        from swapcast.realtime.sources import SourceSettings, open_source  # noqa: PLC0415

        if not self.name.strip():
            raise SettingError("no name is given; write the name that the record is to have")
        check_camera(self.source)
        policy = accept_policy(self.accept_policy, say)
        source = open_source(self.source, SourceSettings(paced=True), on_event=say)
        with preview(window=self.window, say=say) as mirror:
            enrolled = enrol(source, mirror, random.SystemRandom(), audio=self.audio, say=say)
        record = issue_record(
            subject=self.name,
            kind="self",
            statement=self.statement,
            scope=self.scope,
            key=store.key,
            policy=policy,
            expires=self.expires,
            evidence=evidence(enrolled),
        )
        store.keep_record(record, reference_files(enrolled))
        say(
            f"enrolled {record.subject}: {len(enrolled.log)} challenges met, "
            f"{len(enrolled.references.pictures)} reference pictures kept. Make a face "
            f"of your clips: swapcast extract … --consent {record.id}. "
            f"Withdraw: swapcast face revoke {record.id}"
        )


def check_camera(source: str) -> None:
    """Make sure that a source is a camera, and not one that a program plays pictures into.

    Raises
    ------
    SettingError
        If it is something else: a clip proves nothing about who sits here now.
    """
    from swapcast.realtime.loopback import devices  # noqa: PLC0415 - after --help

    place = Path(f"/dev/video{source}" if source.isdigit() else source)
    if not source.isdigit() and not source.startswith(("/dev/video", "/dev/v4l/")):
        raise SettingError(
            f"enrolment is live: --source is a camera (0, /dev/video0), not {source}"
        )
    if place.resolve() in {device.resolve() for device in devices()}:
        raise SettingError(f"{place} is a virtual camera; give a real one, see swapcast cameras")


def enrol(
    source: "Source", mirror: "Preview", rng: random.Random, *, audio: str = "none", say: Say
) -> "Enrolment":
    """Run an enrolment on a source until it is done. Nothing is written.

    Parameters
    ----------
    source : gives the frames
    mirror : shows the subject what to do
    rng : draws the order and the digits
    audio : a sound device, or none
    say : is told when the sound is lost

    Raises
    ------
    ConsentError
        If a challenge was not met, or the source ended before.
    SwapcastError
        If the source, the sound or a network cannot be opened.
    """
    from swapcast.realtime.analyser import open_analyser  # noqa: PLC0415 - after --help
    from swapcast.realtime.audio import SoundLine  # noqa: PLC0415
    from swapcast.realtime.enrol_digits import Loudness  # noqa: PLC0415
    from swapcast.realtime.enrol_session import Enrolment  # noqa: PLC0415
    from swapcast.realtime.listening import listening  # noqa: PLC0415
    from swapcast.realtime.mailbox import Latest  # noqa: PLC0415

    line, heard = SoundLine(), deque[Loudness](maxlen=6000)
    enrolment = Enrolment(rng, None if audio == "none" else heard)
    with (
        listening(audio, [line], clip=None, plays=Latest(), on_event=say),
        open_analyser("own", detached=source.live) as analyse,
        closing(cast("Generator[Frame]", source.frames())) as frames,
    ):
        for frame in frames:
            heard.extend(Loudness.of(sound) for sound in line.take())
            mirror.show(frame, enrolment.see(frame, analyse(frame)))
            if enrolment.done:
                return enrolment
    raise ConsentError(f"{source.name} ended before the enrolment did; nobody was enrolled")


def evidence(enrolled: "Enrolment") -> dict[str, object]:
    """Return the log of the challenges and the sums of the pictures, for the record."""
    sums = {n: hashlib.sha256(d).hexdigest() for n, d in reference_files(enrolled).items()}
    return {"challenges": enrolled.log, "references": sums}


def reference_files(enrolled: "Enrolment") -> dict[str, bytes]:
    """Return the reference pictures by the names of their files."""
    return {f"{name}.jpg": data for name, data in sorted(enrolled.references.pictures.items())}
