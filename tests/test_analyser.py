import threading

import drawn_face
import numpy as np
import pytest

from swapcast.realtime.analyser import Analyser, open_analyser
from swapcast.realtime.errors import SettingError


class Finder:
    """A detector that counts its calls and knows which threads made them."""

    def __init__(self, sees):
        self.sees, self.calls, self.threads = sees, 0, set()
        self.called = threading.Semaphore(0)

    def __call__(self, frame):
        self.calls += 1
        self.threads.add(threading.current_thread().name)
        found = self.sees.detect(frame)
        self.called.release()
        return found


def analyser(sees, finder, **settings):
    return Analyser(finder, sees, sees.size, **settings)


@pytest.mark.parametrize("detached", [False, True])
def test_a_face_is_found_in_the_very_frame_it_appears(detached):
    sees = drawn_face.Sees()
    with analyser(sees, Finder(sees), detached=detached) as analyse:
        for number in range(6):
            sees.faces = [drawn_face.placed(300, 150)] if number >= 3 else []
            faces = analyse(drawn_face.frame(number))
            assert len(faces) == (number >= 3)


def test_offline_the_same_frames_give_the_same_faces_and_few_searches():
    runs = []
    for _ in range(2):
        sees = drawn_face.Sees(noise=0.3)
        finder = Finder(sees)
        with analyser(sees, finder, detached=False, every=10) as analyse:
            shown = []
            for number in range(40):
                sees.faces = [drawn_face.placed(100 + 5 * number, 150)]
                shown += [face.landmarks for face in analyse(drawn_face.frame(number))]
        runs.append(np.stack(shown))
        assert len(shown) == 40
        assert finder.calls == 4
    np.testing.assert_array_equal(*runs)


def test_offline_a_second_face_is_found_within_the_period():
    sees = drawn_face.Sees()
    with analyser(sees, Finder(sees), detached=False, every=5) as analyse:
        for number in range(20):
            sees.faces = [drawn_face.placed(150, 150)]
            if number >= 6:
                sees.faces.append(drawn_face.placed(450, 150))
            count = len(analyse(drawn_face.frame(number)))
            assert count == 1 if number < 6 else count >= 1
    assert count == 2


def test_live_a_second_face_is_found_by_the_other_thread():
    sees = drawn_face.Sees()
    finder = Finder(sees)
    with analyser(sees, finder, detached=True, every=1) as analyse:
        sees.faces = [drawn_face.placed(150, 150)]
        assert len(analyse(drawn_face.frame(0))) == 1
        assert finder.called.acquire(timeout=5)
        sees.faces.append(drawn_face.placed(450, 150))
        number = count = 1
        while count < 2 and number < 200:
            count = len(analyse(drawn_face.frame(number)))
            finder.called.acquire(timeout=0.05)
            number += 1
    assert count == 2
    assert "detect" in finder.threads
    assert not [thread for thread in threading.enumerate() if thread.name == "detect"]


@pytest.mark.parametrize("detached", [False, True])
def test_a_face_that_somebody_else_found_is_followed(detached):
    sees = drawn_face.Sees()
    with analyser(sees, lambda frame: sees.detect(frame)[:1], detached=detached) as analyse:
        sees.faces = [drawn_face.placed(150, 150), drawn_face.placed(450, 150)]
        assert [len(analyse(drawn_face.frame(number))) for number in range(12)] == [1] * 12
        analyse.suggest(sees.detect(drawn_face.frame(12)))
        shown = [len(analyse(drawn_face.frame(number))) for number in range(12, 20)]
    assert shown[-1] == 2


def test_live_a_slow_search_keeps_no_frame_waiting():
    sees = drawn_face.Sees(faces=[drawn_face.placed(300, 150)])
    go_on = threading.Event()

    def find(frame):
        if threading.current_thread().name == "detect":
            go_on.wait(5)
        return sees.detect(frame)

    with analyser(sees, find, detached=True, every=1) as analyse:
        shown = [len(analyse(drawn_face.frame(number))) for number in range(50)]
        assert not go_on.is_set()
        go_on.set()
    assert shown == [1] * 50


def test_what_goes_wrong_on_the_other_thread_is_raised_here():
    sees = drawn_face.Sees(faces=[drawn_face.placed(300, 150)])

    def find(frame):
        if threading.current_thread().name == "detect":
            raise ValueError("the detector broke")
        return sees.detect(frame)

    def run():
        with analyser(sees, find, detached=True, every=1) as analyse:
            for number in range(100_000):
                analyse(drawn_face.frame(number))

    with pytest.raises(ValueError, match="the detector broke"):
        run()


def test_it_can_be_entered_again():
    sees = drawn_face.Sees(faces=[drawn_face.placed(300, 150)])
    analyse = analyser(sees, Finder(sees), detached=True)
    for number in range(2):
        with analyse:
            assert len(analyse(drawn_face.frame(number))) == 1


def test_yunet_without_a_model_says_what_to_give():
    with pytest.raises(SettingError, match="--detector-model"):
        open_analyser("yunet", detached=False)


def test_a_model_for_the_bundled_detector_is_refused(tmp_path):
    with pytest.raises(SettingError, match="takes no model"):
        open_analyser("own", detached=False, model=tmp_path / "some.onnx")
