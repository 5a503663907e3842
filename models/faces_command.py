"""``swapcast faces render OUT --data FOLDER``: draw people who do not exist, to train with.

``swapcast faces harden OUT --pairs FOLDER`` lays hands and things before their faces.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import tyro

from swapcast.models.head_render import Maker, open_maker
from swapcast.models.pair_hard import write_hard
from swapcast.models.pair_reverse import Photographs
from swapcast.models.pair_sets import Catalogue, Drawer, Village, agree, contact_sheet, write_set
from swapcast.models.pair_wanted import WantedVillage, frames, photographs, write_dressed
from swapcast.models.pairs import Pairs
from swapcast.models.people import CHOSEN, held_out, keep_all, open_common, tiles
from swapcast.models.people_mix import People
from swapcast.models.performance_clips import Track, follow_all, read_track, write_track

_SHOWN = 32
_EVERY = 4
"""Of so many frames of a clip, one is looked at."""


@dataclass(frozen=True, kw_only=True)
class Render:
    """Draw pairs: somebody before a camera, and the same with another person's face."""

    out: Annotated[Path, tyro.conf.Positional]
    """Folder for pairs-NNNNN.npz, people-NNNNN.npz and sheet.png; what is there already stays."""
    data: Path
    """Folder with faces_ai, head3d and models."""
    people: Path | None = None
    """Folder for the people found in the pictures; OUT/people if not given."""
    clips: Path | None = None
    """Clips of one person each, to take movements of the face from; found once, kept in OUT."""
    pictures: int = 400
    """People are found in so many pictures at most, the clearest first."""
    count: int = 500
    """Pairs in all."""
    seed: int = 1
    """The same seed draws the same pairs of the same people."""
    reverse: bool = False
    """Draw faces over the pictures themselves: the target is the untouched picture."""
    held_out: bool = False
    """Draw the people of the pictures that are never trained with, and of no other."""
    wanted: tuple[str, ...] = ()
    """Put on the faces of these pictures only, as 0044 0443; they drive nobody."""
    untouched: bool = False
    """With --wanted: drivers are the pictures themselves, or, with --clips, frames of the clips;
    each wears each face once."""


@dataclass(frozen=True, kw_only=True)
class Harden:
    """Make pairs harder: hands and things before the face, small pictures of few colours."""

    out: Annotated[Path, tyro.conf.Positional]
    """Folder for pairs-00000.npz, people-00000.npz and sheet.png."""
    pairs: tuple[Path, ...]
    """Folders of pairs, from `faces render`; each is drawn from as often as any other."""
    count: int = 3000
    """Pairs in all."""
    seed: int = 1
    """The same seed draws the same pairs."""


def harden(settings: Harden) -> None:
    """Draw harder pairs, and show some.

    Raises
    ------
    ValueError
        If a folder has no pairs, or a damaged one.
    """
    if not settings.pairs or settings.count < 1:
        raise ValueError("give folders of pairs, and a count of 1 or more")
    write_hard(settings.pairs, settings.count, settings.seed, settings.out)
    _show(settings.out)


def _show(out: Path) -> None:
    """Draw a sheet of some pairs, and say where they are."""
    pairs = Pairs(out)
    shown = contact_sheet([pairs.read([k]) for k in range(min(_SHOWN, len(pairs)))])
    cv2.imwrite(str(out / "sheet.png"), shown[..., ::-1])
    sys.stdout.write(f"{len(pairs)} pairs in {out}; look at sheet.png\n")


def render(settings: Render) -> None:
    """Find people where that has not been done, draw what is missing, and show some.

    Raises
    ------
    ValueError
        If the settings contradict each other, the data folder lacks something, or too few people
        are found.
    """
    wanted = _numbers(settings)
    maker = open_maker(settings.data)
    folder = settings.people or settings.out / "people"
    keep_all(maker, settings.data, folder, settings.pictures, spared=settings.held_out)
    spared = held_out(tiles(settings.data))
    kept = CHOSEN & {path.stem for path in folder.glob("*.npz")}
    numbers = [
        name
        for name in kept
        if (name in spared) == settings.held_out and name not in settings.wanted
    ]
    chosen = agree(settings.out, Catalogue(settings.seed, tuple(sorted(numbers))))
    people = People(open_common(maker.head), folder, chosen.numbers, chosen.seed)
    _check_known(wanted, folder)
    if settings.untouched:
        shots = photographs(people, settings.data, wanted)
        if settings.clips is not None:
            shots = frames(maker, people, settings.clips, _EVERY)
        write_dressed(shots, people, wanted, settings.data, chosen.seed, settings.out)
    else:
        track = None if settings.clips is None else movements(maker, settings.clips, settings.out)

        def village(number: int) -> Drawer:
            if settings.reverse:
                return Photographs(people, settings.data, number)
            drawn = Village(people, settings.data, number, track)
            return WantedVillage(drawn, wanted) if wanted else drawn

        write_set(village, chosen.seed, settings.count, settings.out)
    _show(settings.out)


def _numbers(settings: Render) -> tuple[int, ...]:
    """Return the wanted people's numbers."""
    if settings.untouched and not settings.wanted:
        raise ValueError("--untouched needs the faces that are put on: --wanted 0044 0443 …")
    if settings.reverse and settings.wanted:
        raise ValueError("--reverse puts on anybody's face; leave --wanted out")
    for name in settings.wanted:
        if not (len(name) == 4 and name.isdecimal()):
            raise ValueError(f"--wanted {name}: not the number of a picture, as 0044")
    return tuple(int(name) for name in settings.wanted)


def _check_known(wanted: Sequence[int], folder: Path) -> None:
    for number in wanted:
        if not (folder / f"{number:04d}.npz").is_file():
            raise ValueError(
                f"nobody was found in picture {number:04d}; {folder}/{number:04d}.txt may say why"
            )


def movements(maker: Maker, clips: Path, out: Path) -> Track:
    """Return what people do in a folder of clips, from ``out``/track.npz if that is there."""
    path = out / "track.npz"
    if not path.is_file():
        write_track(path, follow_all(maker, clips, _EVERY))
    return read_track(path)


def faces_command(args: Sequence[str]) -> None:
    """Run `swapcast faces`; what cannot work ends the program with one line and exit code 1."""
    cv2.setNumThreads(1)
    settings = tyro.extras.subcommand_cli_from_dict(
        {"render": Render, "harden": Harden}, prog="swapcast faces", args=list(args)
    )
    try:
        if isinstance(settings, Harden):
            harden(settings)
        else:
            render(settings)
    except ValueError as error:
        sys.exit(f"swapcast: {error}")
