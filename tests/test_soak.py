"""The soak tells growth from steadiness."""

import threading

from swapcast.bench.soak import Samples
from swapcast.realtime.meter import Meter


def figures(threads):
    samples = Samples(every=0.0)
    for extra in threads:
        go_on = threading.Event()
        more = [
            threading.Thread(target=go_on.wait, args=(10,), name=f"test {number}")
            for number in range(extra)
        ]
        for thread in more:
            thread.start()
        samples(Meter(), 0)
        go_on.set()
        for thread in more:
            thread.join()
    return samples.figures()


def test_a_steady_number_of_threads_and_files_is_told_as_such():
    told = figures([0] * 12)
    assert told["threads"]["most"] == told["threads"]["start"]
    assert told["files"]["most"] == told["files"]["start"]


def test_threads_that_are_left_behind_are_noticed():
    told = figures([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6])
    assert told["threads"]["most"] == told["threads"]["start"] + 6
