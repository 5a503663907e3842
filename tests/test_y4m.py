import io
import os

import av
import numpy as np
import pytest
from made_media import bars

from swapcast.realtime.errors import SinkError
from swapcast.realtime.y4m import Y4mSink


def read(pipe):
    pipe.seek(0)
    with av.open(pipe, format="yuv4mpegpipe") as container:
        stream = container.streams.video[0]
        return stream.average_rate, [frame for frame in container.decode(video=0)]


def test_a_reader_sees_the_pictures_exactly():
    pipe = io.BytesIO()
    with Y4mSink(pipe) as sink:
        for number in range(5):
            sink.write(bars(at=7 + number / 30, shift=number, colour=sink.colour))
    rate, frames = read(pipe)
    assert rate == 30
    assert len(frames) == 5
    for number, frame in enumerate(frames):
        assert (frame.width, frame.height) == (128, 96)
        assert frame.color_range == 1
        assert np.array_equal(frame.to_ndarray().reshape(-1), bars(shift=number).data)


def test_a_second_stays_a_second_whatever_the_camera_does():
    pipe = io.BytesIO()
    with Y4mSink(pipe) as sink:
        for number in range(20):  # 10 a second instead of the 30 it states
            sink.write(bars(at=number / 10, period=1 / 30))
        for number in range(1, 121):  # 60 a second
            sink.write(bars(at=1.9 + number / 60, period=1 / 30))
    _, frames = read(pipe)
    assert len(frames) == round(3.9 * 30) + 1


def test_offline_every_picture_is_written_once():
    pipe = io.BytesIO()
    with Y4mSink(pipe, offline=True) as sink:
        for at in (0.0, 0.01, 0.5, 0.51, 2.0):
            sink.write(bars(at=at))
    assert len(read(pipe)[1]) == 5


def test_a_reader_that_has_gone_is_one_clear_line():
    reading, writing = os.pipe()
    os.close(reading)
    with (
        os.fdopen(writing, "wb", buffering=0) as pipe,
        Y4mSink(pipe) as sink,
        pytest.raises(SinkError, match="has gone"),
    ):
        sink.write(bars())


def test_a_change_of_size_is_one_clear_line():
    with Y4mSink(io.BytesIO()) as sink:
        sink.write(bars())
        with pytest.raises(SinkError, match="128×96 to 64×48"):
            sink.write(bars(64, 48, at=1))
