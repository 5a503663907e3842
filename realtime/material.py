"""What faces are taken from: clips, pictures and folders of pictures."""

from collections.abc import Iterator
from pathlib import Path

from swapcast.realtime.errors import SourceError
from swapcast.realtime.frame import Frame
from swapcast.realtime.picture_file import picture_frame

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def clips_of(path: Path) -> list[Path]:
    """Return a clip or picture, or the pictures of a folder.

    Raises
    ------
    SourceError
        If there is nothing.
    """
    if not path.exists():
        raise SourceError(f"no clip at {path}")
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURES)
    if not found:
        raise SourceError(f"no pictures in {path}; it has none of {', '.join(sorted(PICTURES))}")
    return found


def read_frames(clip: Path) -> Iterator[Frame]:
    """Yield the frames of a clip, or the one frame that a picture is.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    if clip.suffix.lower() in PICTURES:
        yield picture_frame(clip)
        return
    from swapcast.realtime.sources import SourceSettings, open_source  # noqa: PLC0415

    yield from open_source(str(clip), SourceSettings()).frames()
