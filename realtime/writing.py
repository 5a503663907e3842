"""What every file that is written has in common: it must not be the clip, and errors are plain."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import av

from swapcast.realtime.errors import SinkError


def claim(path: Path, clip: Path | None) -> bool:
    """See that ``path`` can be written and is not the clip that is read.

    Returns
    -------
    bool
        Whether an empty file was made for it.

    Raises
    ------
    SinkError
        If it is the clip, its folder is missing, or it may not be written.
    """
    existed = path.exists()
    if existed and clip is not None and path.samefile(clip):
        raise SinkError(f"{path} is the clip itself; give the result another name")
    if not path.parent.is_dir():
        raise SinkError(f"cannot write {path}: there is no folder {path.parent}")
    with telling(str(path)), path.open("ab"):
        return not existed


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Say in one line why ``name`` could not be written.

    Raises
    ------
    SinkError
        In place of what FFmpeg and the system raise.
    """
    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            text = f"the disk is full: {name} ends here; what was written before can be played"
        elif isinstance(error, av.error.ProtocolNotFoundError):
            text = f"cannot write {name}: this build of PyAV does not speak that protocol"
        else:
            text = f"cannot write {name}: {getattr(error, 'strerror', None) or error}"
        raise SinkError(text) from error


@contextmanager
def finishing(name: str, kind: type[BaseException] | None) -> Iterator[None]:
    """Finish ``name``; after an error of ``kind`` keep quiet about what follows from it."""
    with suppress(SinkError) if kind is not None else nullcontext(), telling(name):
        yield
