"""Signs the recordings of a run when they are finished."""

from collections.abc import Callable, Iterable
from pathlib import Path

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.identity import Identity

_RECORDINGS = {".mp4", ".mov", ".mkv", ".webm", ".gif"}


def sign_recordings(
    names: Iterable[str], face: Identity, clip: Path | None, notice: Callable[[str], None]
) -> None:
    """Put a manifest into each recording that can carry one.

    A recording that cannot, or could not be signed, stays as it is, with one line that says so.

    Parameters
    ----------
    names : of the run's sinks, as the user wrote them
    face : whose pack the manifest names
    clip : what was converted, or None
    notice : is told in one line each
    """
    # Loading it earlier would delay the first picture.
    from swapcast.realtime.manifest import (  # noqa: PLC0415
        FORMS,
        Origin,
        can_carry,
        sign_recording,
    )

    for name in names:
        path = Path(name)
        if "://" in name or path.suffix.lower() not in _RECORDINGS or not path.is_file():
            continue
        if not can_carry(path):
            notice(f"{path} has no manifest: only {', '.join(FORMS)} files can carry one")
            continue
        try:
            sign_recording(path, Origin(face.content_hash, clip))
        except SwapcastError as error:
            notice(str(error))
