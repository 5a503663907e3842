"""Opens what decides whose face is swapped, as the settings ask."""

from collections.abc import Sequence
from contextlib import ExitStack

from swapcast.realtime.embedding import face_embedder
from swapcast.realtime.face_store import FaceStore
from swapcast.realtime.identity_looks import IdentityLooks
from swapcast.realtime.meter import Meter
from swapcast.realtime.recognised import Recognised
from swapcast.realtime.references import enrolled_here, reference_vectors
from swapcast.realtime.settings import Engine
from swapcast.realtime.who import Everybody, Largest, Who


def worn_faces(settings: Engine) -> tuple[str, ...]:
    """Return the names of the faces that are worn, each once; the first is the first swapper's."""
    return tuple(dict.fromkeys(settings.pairs().values())) or (settings.face,)


def open_who(
    settings: Engine, store: FaceStore, meter: Meter, stack: ExitStack, *, detached: bool
) -> Who:
    """Open what decides whose face is swapped; ``stack`` closes it.

    Parameters
    ----------
    settings : Engine
    store : knows who is enrolled
    meter : is told who is looked for
    stack : takes what must be closed
    detached : whether faces are recognised beside the frames (live), not in them

    Raises
    ------
    SettingError
        If nobody is known who could be recognised, or a reference shows no clear face.
    ModelError
        If the identity network is missing.
    """
    pairs, people = settings.pairs(), list(settings.reference)
    here = enrolled_here(store) if settings.who in ("auto", "enrolled") and not people else ()
    kind = settings.kind_of_who(enrolled=bool(here))
    if kind == "all":
        return Everybody()
    if kind == "largest":
        return Largest()
    embed = face_embedder()
    words: list[Sequence[str]] = [[word] for word in (pairs or here)] or [people]
    references = [reference_vectors(one, store, embed) for one in words]
    looks = stack.enter_context(IdentityLooks(embed, detached=detached, on_event=meter.event))
    faces = worn_faces(settings)
    whom = "whoever is enrolled here" if here else ", ".join(pairs or people)
    meter.notice(f"swapping {whom} only; strangers are left as they are (--who largest: anybody)")
    swappers = [faces.index(face) for face in pairs.values()]
    wait = bool(here) and settings.who == "auto"
    return Recognised(references, looks, swappers, scale=embed.scale, wait=wait)
