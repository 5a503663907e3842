"""Opens what swaps a face, as a run's settings say: at its start, and when its face changes."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack

from swapcast.realtime.consent import Use, uses_of
from swapcast.realtime.face_store import face_store
from swapcast.realtime.face_switch import FaceSwitch
from swapcast.realtime.identity import Identity
from swapcast.realtime.lighter import Lighter, Lightness
from swapcast.realtime.meter import Meter
from swapcast.realtime.settings import Engine, Live
from swapcast.realtime.stages import FaceSwap
from swapcast.realtime.stillness import Stillness, SwapsCrops
from swapcast.realtime.student import timed_network
from swapcast.realtime.swapper import Swapper
from swapcast.realtime.tuned import Choice, choose, lighter


def open_swapper(
    face: Identity,
    settings: Engine,
    uses: Collection[Use],
    meter: Meter,
    stack: ExitStack,
    lightness: Lightness | None,
) -> SwapsCrops:
    """Open what swaps a face: as the settings say, and in lower precision where that is faster.

    Parameters
    ----------
    face : Identity
    settings : Engine
    uses : what the swapped pictures are for
    meter : is told what happens
    stack : takes what must be closed
    lightness : says when it may be computed in lower precision; None: never

    Raises
    ------
    SwapcastError
        If it cannot be opened, or may not be used for that.
    """
    network = timed_network(face)
    choice = choose(network, settings.provider, settings.threads, on_event=meter.notice)

    def opened(way: Choice, stack: ExitStack) -> SwapsCrops:
        swapper = stack.enter_context(
            Swapper(
                face,
                way.candidate.provider,
                uses=uses,
                threads=way.candidate.threads,
                fallback=settings.fallback,
                on_event=meter.notice,
                open_network=way.open_network,
            )
        )
        for name, value in settings.slides().items():
            swapper.slide(name, value)
        return swapper

    swapper, light = opened(choice, stack), lighter(network, choice)
    if lightness is not None and light is not None:
        lightness.precision = light.candidate.precision
        both = Lighter(swapper, lambda more: opened(light, more), lightness, meter.notice)
        swapper = stack.enter_context(both.ready())
    if not (isinstance(settings, Live) and settings.skip_still):
        return swapper
    still = Stillness(swapper)
    meter.counted["still"] = still.figures
    return still


def open_switch(
    settings: Live, names: Sequence[str], meter: Meter, swap: FaceSwap, lightness: Lightness
) -> FaceSwitch:
    """Return what lets a running picture wear another face, judged as the first one was."""

    def open_face(name: str, stack: ExitStack) -> SwapsCrops:
        store, uses = face_store(), uses_of(names, commercial=settings.commercial)
        face = store.find(name, uses)
        swapper = open_swapper(face, settings, uses, meter, stack, lightness)
        stack.enter_context(store.session(face, uses, names))
        return swapper

    refusal = ""
    if settings.pairs():
        refusal = "each person wears a face of their own here; start anew to change them"
    elif "recording" in uses_of(names):
        refusal = "a recording's manifest names one face; start another recording to change it"
    return FaceSwitch(settings.face, open_face, swap.change, meter.notice, refusal=refusal)
