"""Every setting of the live commands; the command line and `--config` are made from these."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from swapcast.export.runners import ProviderChoice
from swapcast.realtime.badge_choice import BadgeCorner, BadgeStyle
from swapcast.realtime.errors import SettingError
from swapcast.realtime.guard import GuardMode
from swapcast.realtime.supervisor import FOR_EVER
from swapcast.realtime.who import WhoKind

DEFAULT_FACE = "demo"
"""The bundled face that is worn if no other is named."""

Several = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What is done with the faces, live or not."""

    face: str = DEFAULT_FACE
    """Name of a kept face (`swapcast face list`) or the path of a .face pack."""
    who: Literal["auto", "enrolled", "largest", "all", "map"] = "auto"
    """Whose face is swapped: enrolled (the people of --reference, or those enrolled here), largest,
    all, or map (see --map). auto: map or enrolled where people are known, otherwise largest."""
    reference: Several = ()
    """A picture of the person who is swapped, a folder of such pictures, or the name of somebody
    enrolled here; may be given several times. Strangers are left as they are."""
    map: Several = ()
    """Who wears which face, as REFERENCE=FACE; may be given several times: anna.jpg=demo."""
    guard: GuardMode = "blur"
    """What is shown while a face that should be swapped cannot be: blur, freeze, slate, or pass,
    which shows the true face."""
    detector: Literal["own", "yunet", "insightface"] = "own"
    """What finds faces: the bundled networks, YuNet, or the insightface package."""
    detector_model: Path | None = None
    """YuNet's ONNX file, or the folder of an insightface model pack."""
    provider: ProviderChoice = "auto"
    """What computes the swap. auto: what `swapcast tune` found fastest here, cpu until it has run.
    One that is asked for and not here is an error, never a silent fallback."""
    fallback: bool = True
    """If the provider fails while running, the next best one goes on, with a notice; otherwise the
    run ends."""
    threads: int = 1
    """Processor threads of the swapper; with provider auto, what `swapcast tune` found."""
    look: str = "natural"
    """How faces are put into the picture: natural, seamless, performance, debug, or a .toml file
    (`swapcast looks`)."""
    restorer: Path | None = None
    """ONNX file of a face restorer (GFPGAN, GPEN and their like), which sharpens the swapped face
    as often as it can."""
    badge: BadgeStyle = "label"
    """The visible badge that says that the face was made by AI: label, letters, dot or off. The
    invisible mark is always there."""
    badge_corner: BadgeCorner = "bottom-right"
    """Where the badge is: bottom-right, bottom-left, top-right or top-left."""
    commercial: bool = False
    """This use earns money: it is refused if the face's record does not allow that."""
    slider: Several = ()
    """Change what the face does, as NAME=VALUE from -3 to 3; may be given several times. Faces of
    Fader networks have such sliders: light_side=2 brings light from the right."""
    report: Path | None = None
    """Write the run's figures to this file, as JSON."""
    config: Path | None = None
    """Take settings from this TOML file; the command line goes before it."""

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise SettingError(f"--threads is {self.threads}; it must be at least 1")
        self.slides()
        self.kind_of_who(enrolled=True)

    def pairs(self) -> dict[str, str]:
        """Return which face each person of `map` wears, by the reference.

        Raises
        ------
        SettingError
            If one is not of the form REFERENCE=FACE, or is given twice.
        """
        pairs: dict[str, str] = {}
        for one in self.map:
            reference, _, face = one.rpartition("=")
            if not reference or not face:
                raise SettingError(
                    f"--map {one!r} is not of the form REFERENCE=FACE, as a.jpg=demo"
                )
            if reference in pairs:
                raise SettingError(f"--map gives {reference} two faces")
            pairs[reference] = face
        return pairs

    def kind_of_who(self, *, enrolled: bool) -> WhoKind:
        """Return whose face is swapped, with ``auto`` decided.

        Parameters
        ----------
        enrolled : whether people are enrolled here

        Raises
        ------
        SettingError
            If the settings contradict each other, or nobody is known who could be recognised.
        """
        pairs = self.pairs()
        if pairs and (self.reference or self.who not in ("auto", "map")):
            raise SettingError("--map says who is swapped; leave out --reference and --who")
        if self.reference and self.who not in ("auto", "enrolled"):
            raise SettingError(f"--reference is for --who enrolled, not for {self.who}")
        if self.who == "map" and not pairs:
            raise SettingError("--who map needs who wears what: --map anna.jpg=demo")
        if self.who == "enrolled" and not (self.reference or enrolled):
            raise SettingError(
                "--who enrolled needs to know who: give --reference PICTURE, "
                "or enrol: swapcast face enroll NAME"
            )
        if self.who != "auto":
            return self.who
        return "map" if pairs else "enrolled" if self.reference or enrolled else "largest"

    def slides(self) -> dict[str, float]:
        """Return the sliders' values by name.

        Raises
        ------
        SettingError
            If one is not of the form NAME=VALUE.
        """
        values = {}
        for one in self.slider:
            name, _, value = one.partition("=")
            try:
                values[name] = float(value)
            except ValueError as error:
                raise SettingError(
                    f"--slider {one!r} is not of the form NAME=VALUE, as smile=1"
                ) from error
        return values


@dataclass(frozen=True, kw_only=True)
class Live(Engine):
    """Swap a face live: a camera in, a virtual camera out."""

    source: str = "0"
    """Camera (0, /dev/video0), file, rtsp:// srt:// udp:// http:// address, screen, synthetic."""
    sink: Several = ()
    """Where the picture goes; may be given several times: virtual, virtual:/dev/video10, a file,
    rtmp:// srt:// udp:// address, window, - (yuv4mpeg to standard output), null.
    Nothing given: virtual."""
    seconds: float | None = None
    """Stop after so many seconds."""
    loop: bool = False
    """Start a clip again at its end."""
    width: int | None = None
    """Ask the camera for this width; nothing given: its best."""
    height: int | None = None
    """Ask the camera for this height."""
    fps: int | None = None
    """Ask the camera for this rate."""
    patience: float = FOR_EVER
    """Seconds that a stage may work on one frame before the run ends as hanging."""
    governor: bool = True
    """Do less where the machine is too slow: faces are looked for less often, then looked at less
    often, then computed in a lower precision, if `tune` found one that is faster than what was
    asked for. What is swapped is checked in every frame all the same."""
    skip_still: bool = True
    """Give the same swapped face again while the true one rests, a tenth of a second at most."""
    audio: str = "none"
    """Sound for file and network sinks: none, source (the clip's own), or a sound device."""
    codec: Literal["h264", "h265", "vp9"] = "h264"
    """Of files and network streams."""
    encoder: str | None = None
    """What encodes in place of the codec's usual encoder, by FFmpeg's name: h264_nvenc, h264_qsv,
    h264_amf, h264_v4l2m2m. One that is not here is an error."""

    def __post_init__(self) -> None:
        Engine.__post_init__(self)
        if self.seconds is not None and self.seconds <= 0:
            raise SettingError(f"--seconds is {self.seconds}; it must be more than 0")
        if self.patience <= 0:
            raise SettingError(f"--patience is {self.patience}; it must be more than 0")
        if len(set(self.sink)) < len(self.sink):
            raise SettingError("the same --sink is given twice")


@dataclass(frozen=True, kw_only=True)
class Convert(Engine):
    """Swap a face in every frame of a clip; the sound is kept."""

    source: tyro.conf.Positional[Path]
    """The clip."""
    out: tyro.conf.Positional[Path]
    """The file to write: .mp4, .mkv, .mov, .webm or .gif."""
    codec: Literal["h264", "h265", "vp9"] = "h264"
    """Of the file."""
    encoder: str | None = None
    """What encodes in place of the codec's usual encoder, by FFmpeg's name, such as h264_nvenc."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Show that it works: the bundled clip, the bundled face, no camera, no download."""

    seconds: float = 10.0
    """How much of the clip."""
    out: Path = Path("demo.mp4")
    """The file to write."""
    report: Path | None = None
    """Write the run's figures to this file, as JSON."""

    def __post_init__(self) -> None:
        if self.seconds <= 0:
            raise SettingError(f"--seconds is {self.seconds}; it must be more than 0")
