"""What each command of the live product does."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import tyro

from swapcast.realtime.compiling import compile_kernels
from swapcast.realtime.errors import SettingError, SwapcastError
from swapcast.realtime.settings import Convert, Demo, Live

T = TypeVar("T")


def parse(kind: type[T], name: str, argv: Sequence[str]) -> T:
    """Make a command's settings from its `--config` file and the command line.

    Raises
    ------
    SettingError
        If a value cannot work.
    """
    path = _option(argv, "--config")
    words = [] if path is None else settings_words(Path(path), argv)
    return tyro.cli(kind, prog=f"swapcast {name}", args=[*words, *argv])


def live(argv: Sequence[str]) -> None:
    """Run `swapcast live`."""
    settings = parse(Live, "live", argv)
    sinks = settings.sink or ("virtual",)
    compile_kernels(_say)
    from swapcast.realtime.assembly import run_live  # noqa: PLC0415 - after --help

    with _stopping() as stop:
        report = run_live(replace(settings, sink=sinks), stop, say=_say)
    _say(_summary(report))


def ctl(argv: Sequence[str]) -> None:
    """Run `swapcast ctl`."""
    from swapcast.realtime.control import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


def convert(argv: Sequence[str]) -> None:
    """Run `swapcast convert`."""
    settings = parse(Convert, "convert", argv)
    compile_kernels(_say)
    from swapcast.realtime.assembly import run_convert  # noqa: PLC0415 - after --help

    with _stopping() as stop:
        report = run_convert(settings, stop)
    _say(f"{settings.out}: {report['frames']['emitted']} frames, {_faces(report)}")


def demo(argv: Sequence[str]) -> None:
    """Run `swapcast demo`."""
    settings = parse(Demo, "demo", argv)
    compile_kernels(_say)
    from swapcast.realtime.assembly import run_live  # noqa: PLC0415 - after --help

    with ExitStack() as stack:
        stop = stack.enter_context(_stopping())
        clip = stack.enter_context(
            resources.as_file(resources.files("swapcast.assets") / "demo.mp4")
        )
        report = run_live(
            Live(
                source=str(clip),
                sink=(str(settings.out),),
                seconds=settings.seconds,
                loop=True,
                report=settings.report,
                audio="source",
            ),
            stop,
            say=_say,
        )
    _say(_summary(report))
    _say(f"wrote {settings.out.resolve()}: the face in it is nobody's, and so is the other one")


def face(argv: Sequence[str]) -> None:
    """Run `swapcast face`."""
    from swapcast.realtime.face_command import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


def looks(argv: Sequence[str]) -> None:
    """Run `swapcast looks`."""
    from swapcast.realtime.look_command import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


def cameras(argv: Sequence[str]) -> None:
    """Run `swapcast cameras`."""
    _no_arguments(cameras, argv)
    from swapcast.realtime.devices import list_cameras  # noqa: PLC0415 - after --help

    found = list_cameras()
    if not found:
        raise SwapcastError("no camera is here; plug one in, or try `swapcast doctor`")
    for camera in found:
        _say(str(camera))


def doctor(argv: Sequence[str]) -> None:
    """Run `swapcast doctor`."""
    repair = list(argv) == ["--repair"]
    _no_arguments(doctor, () if repair else argv, "[--repair]     (revive dead virtual cameras)")
    from swapcast.realtime.doctor import diagnose  # noqa: PLC0415 - after --help

    findings = diagnose(repair=repair)
    for finding in findings:
        _say(str(finding))
    if any(finding.state == "bad" for finding in findings):
        raise SwapcastError("something is missing; the lines above say what mends it")


def extract(argv: Sequence[str]) -> None:
    """Run `swapcast extract`."""
    from swapcast.realtime.extract import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


def export(argv: Sequence[str]) -> None:
    """Run `swapcast export`."""
    from swapcast.realtime.export_command import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


def tune(argv: Sequence[str]) -> None:
    """Run `swapcast tune`."""
    from swapcast.realtime.tune_command import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


def models(argv: Sequence[str]) -> None:
    """Run `swapcast models`."""
    from swapcast.realtime.models_command import run  # noqa: PLC0415 - after --help

    run(argv, say=_say)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set; a second Ctrl-C ends at once."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    # Standard output may carry the picture (`--sink -`).
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _no_arguments(
    command: Callable[[Sequence[str]], None], argv: Sequence[str], usage: str = "    (no options)"
) -> None:
    if argv:
        help_asked = argv[0] in {"-h", "--help"}
        text = f"usage: swapcast {command.__name__} {usage}"
        if not help_asked:
            raise SettingError(text)
        _say(text)
        sys.exit(0)


def _option(argv: Sequence[str], name: str) -> str | None:
    for place, word in enumerate(argv):
        if word == name and place + 1 < len(argv):
            return argv[place + 1]
        if word.startswith(name + "="):
            return word.removeprefix(name + "=")
    return None


def settings_words(path: Path, argv: Sequence[str]) -> list[str]:
    """Return the settings of a TOML file as words of a command line, less those in ``argv``."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - new in 3.11
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        values: dict[str, Any] = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingError(f"--config {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # numbers of 5,000 digits, arrays 1,000 deep
        raise SettingError(f"--config {path} is no TOML file: {error}") from error
    words: list[str] = []
    for key, value in values.items():
        option = "--" + key.replace("_", "-")
        if _option(argv, option) is not None:
            continue
        if isinstance(value, bool):
            words.append(option if value else "--no-" + option[2:])
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [option, str(one)]
    return words


def _faces(report: Mapping[str, Any]) -> str:
    faces = report["faces"]
    return f"faces: {faces['swapped']} swapped, {faces['guarded']} guarded"


def _summary(report: Mapping[str, Any]) -> str:
    latency, frames = report["latency_ms"], report["frames"]
    if not latency:
        return "no frame came through"
    return (
        f"{report['fps']:.1f} fps, "
        f"latency p50 {latency['p50']:.0f} ms, p99 {latency['p99']:.0f} ms; "
        f"frames: {frames['emitted']} out, {frames['dropped']} dropped, "
        f"{frames['repeated']} repeated; {_faces(report)}"
    )
