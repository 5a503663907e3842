"""A network that fails is opened again, elsewhere if it must be, and never gives nonsense."""

import numpy as np
import pytest

from swapcast.export.runners import RunnerError
from swapcast.realtime.errors import ModelError, SwapcastError
from swapcast.realtime.runner import SteadyRunner


class Plan:
    """Opens networks that fail as they are told, and remembers where they were opened."""

    def __init__(self) -> None:
        self.opened = []
        self.answer = np.ones((1, 4), np.float32)
        self.error = None
        self.gone = ()

    def open(self, model, provider, *, threads):
        if provider in self.gone:
            raise RunnerError(f"{provider} is not here")
        self.opened.append((model, provider))
        return Network(self, provider)


class Network:
    precision = "fp32"
    shapes = {"crop": (1, 4)}  # noqa: RUF012
    metadata = {}  # noqa: RUF012

    def __init__(self, plan, provider) -> None:
        self.plan, self.provider = plan, provider

    def __call__(self, inputs):
        if self.plan.error is not None and self.provider not in ("spare", "cpu"):
            raise self.plan.error
        return [self.plan.answer.copy()]

    def __exit__(self, *_):
        pass


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def plan():
    return Plan()


def runner(plan, provider="cuda", **settings):
    clock, events = Clock(), []
    made = SteadyRunner(
        "the swapper",
        b"model",
        provider,
        on_event=events.append,
        open_network=plan.open,
        clock=clock,
        **settings,
    )
    return made, clock, events


def test_numbers_that_are_not_finite_are_an_error_and_the_network_is_opened_again(plan):
    made, clock, _ = runner(plan)
    plan.answer[0, 2] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        made({})
    plan.answer[0, 2] = 1.0
    clock.now += 1
    assert made({})[0].sum() == 4
    assert len(plan.opened) == 2


def test_an_error_of_the_library_becomes_one_clear_line(plan):
    made, _, _ = runner(plan)
    plan.error = RuntimeError("CUDA failure 719\nat line 12 of somewhere")
    with pytest.raises(ModelError, match=r"the swapper failed on cuda: CUDA failure 719$"):
        made({})


def test_between_two_tries_it_waits(plan):
    made, _, _ = runner(plan)
    plan.error = RuntimeError("gone")
    for _ in range(20):
        with pytest.raises(ModelError):
            made({})
    assert len(plan.opened) == 2


def test_a_lost_provider_gives_way_to_the_next_with_a_notice(plan):
    made, clock, events = runner(plan)
    plan.error, plan.gone = RuntimeError("the device was removed"), ()
    for _ in range(10):
        clock.now += 5
        try:
            made({})
        except ModelError:
            continue
        break
    assert made.provider == "cpu"
    assert len(events) == 1
    assert "cuda is lost (the device was removed); cpu goes on" in events[0]


@pytest.mark.parametrize(("provider", "fallback"), [("cuda", False), ("openvino", False)])
def test_where_the_settings_forbid_it_the_run_ends_instead(plan, provider, fallback):
    made, clock, _ = runner(plan, provider, fallback=fallback)
    plan.error = RuntimeError("the device was removed")

    def all_tries():
        for _ in range(10):
            clock.now += 5
            try:
                made({})
            except ModelError:
                continue

    with pytest.raises(SwapcastError, match="choose another one with --provider") as caught:
        all_tries()
    assert not isinstance(caught.value, ModelError)


def test_a_provider_that_cannot_be_opened_again_counts_as_lost_too(plan):
    made, clock, events = runner(plan)
    plan.error, plan.gone = RuntimeError("the device was removed"), ("cuda",)
    for _ in range(10):
        clock.now += 5
        try:
            made({})
        except ModelError:
            continue
    assert made.provider == "cpu"
    assert len(events) == 1


def test_single_failures_far_apart_never_add_up(plan):
    made, clock, events = runner(plan)
    for _ in range(12):
        plan.error = RuntimeError("hiccup")
        with pytest.raises(ModelError):
            made({})
        plan.error = None
        clock.now += 5
        for _ in range(40):
            made({})
    assert made.provider == "cuda"
    assert events == []


def test_the_network_is_opened_from_the_bytes_that_were_checked(plan):
    made, clock, _ = runner(plan)
    made.reopen("its answers make no sense")
    clock.now += 5
    made({})
    assert {model for model, _ in plan.opened} == {b"model"}
