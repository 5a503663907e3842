"""Reference pictures: how the people who are swapped look, as vectors of the identity network."""

import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swapcast.realtime.analyser import Analyser
from swapcast.realtime.consent import ConsentRecord
from swapcast.realtime.detector import detector
from swapcast.realtime.errors import ConsentError, SettingError
from swapcast.realtime.face_store import FaceStore
from swapcast.realtime.identity_looks import Embed
from swapcast.realtime.landmarks import landmark_net
from swapcast.realtime.picture_file import picture_frame
from swapcast.realtime.recognised import recognisable

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_MOST = 64  # pictures of one person: more tell nothing new


def reference_vectors(words: Sequence[str], store: FaceStore, embed: Embed) -> NDArray[np.float32]:
    """Look at the reference pictures of one person.

    Parameters
    ----------
    words : each a picture, a folder of pictures, or the name of somebody enrolled here
    store : knows who is enrolled
    embed : the identity network

    Returns
    -------
    float32 [k, n]
        One vector a picture, each of length 1.

    Raises
    ------
    SettingError
        If a word names nothing, or a picture does not show one clear face.
    SourceError
        If a file is no picture.
    ConsentError
        If somebody's enrolment has ended or was revoked.
    """
    paths = [path for word in words for path in _pictures(word, store)]
    vectors: list[NDArray[np.float32]] = []
    look = landmark_net()
    with Analyser(detector(), look, look.size, detached=False) as analyse:
        for path in paths[:: -(-len(paths) // _MOST)]:
            frame = picture_frame(path)
            faces = analyse(frame)
            if len(faces) != 1:
                seen = "no face" if not faces else f"{len(faces)} faces"
                raise SettingError(f"the reference {path} shows {seen}; give one of one person")
            if recognisable(faces[0].points):
                vectors.append(embed(frame, faces[0].points))
            analyse.restart()
    if not vectors:
        raise SettingError(
            f"the references {', '.join(words)} show the face too small or from the side; "
            "give a picture of the face from the front"
        )
    return np.stack(vectors)


def enrolled_here(store: FaceStore) -> tuple[str, ...]:
    """Return the ids of the enrolments that hold today and of which the pictures are kept."""
    return tuple(record.id for record in _enrolments(store) if _kept(record, store))


def _enrolments(store: FaceStore) -> Iterator[ConsentRecord]:
    for record in store.records():
        try:
            record.check(datetime.date.today())
            store.revocations.check(record)
        except ConsentError:
            continue  # an ended or revoked one names nobody any more
        if record.kind == "self":
            yield record


def _kept(record: ConsentRecord, store: FaceStore) -> list[Path]:
    folder = store.folder / "references" / record.id
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES)


def _pictures(word: str, store: FaceStore) -> list[Path]:
    path = Path(word)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES)
        if not found:
            raise SettingError(f"the folder {word} holds no pictures ({', '.join(_SUFFIXES)})")
        return found
    known = [one for one in _enrolments(store) if word in {one.id, one.subject}]
    pictures = [picture for record in known for picture in _kept(record, store)]
    if not pictures:
        raise SettingError(
            f"--reference {word} is no picture, no folder, and nobody of that name is enrolled "
            "here; give a picture of the person who is swapped"
        )
    return pictures
