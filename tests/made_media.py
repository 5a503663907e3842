"""Pictures and clips that tests make for themselves: colour bars, and claps seen and heard."""

from fractions import Fraction

import av
import numpy as np

from swapcast.realtime.frame import Colour, Picture

RATE = 48000
CLICK = 0.004  # seconds
HD = Colour("bt709")


def bars(width=128, height=96, *, at=0.0, number=0, colour=HD, period=1 / 30, flash=None, shift=0):
    """Draw eight bars of different Y, U and V; or one flat picture, black or white (`flash`)."""
    data = np.full(width * height * 3 // 2, 128, np.uint8)
    picture = Picture(data, width, height, colour, number, at, period)
    for plane, first, step in zip(picture.planes, (16, 60, 200), (30, 18, -18), strict=True):
        if flash is None:
            bar = (np.arange(plane.shape[1]) * 8 // plane.shape[1] + shift) % 8
            plane[:] = first + step * bar
    if flash is not None:
        picture.planes[0][:] = 235 if flash else 16
    return picture


def clicks(times):
    """Return the sound at ``times`` (seconds): a click of 2 kHz at the start of each second."""
    heard = (times % 1.0 < CLICK) & (times >= 0)
    return np.where(heard, 0.8 * np.sin(2 * np.pi * 2000 * times), 0).astype(np.float32)


def clap_clip(path, *, seconds=3.0, fps=30, sound="aac", sound_starts=0.0):
    """Write a clip with a white picture and a click each second; no sound if ``sound`` is None."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg1video" if path.suffix == ".mpg" else "libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream(sound, rate=RATE) if sound else None
        if audio:
            audio.codec_context.open()
        resampler = (
            av.AudioResampler(
                audio.format if audio else "s16",
                "stereo",
                RATE,
                audio.codec_context.frame_size or 1024,
            )
            if audio
            else None
        )
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(
                bars(64, 48, flash=number % fps == 0).data.reshape(72, 64), "yuv420p"
            )
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
            starts = number / fps
            if resampler and starts >= sound_starts:
                times = (round(starts * RATE) + np.arange(RATE // fps)) / RATE
                piece = av.AudioFrame.from_ndarray(clicks(times)[None], "fltp", "mono")
                piece.sample_rate, piece.time_base = RATE, Fraction(1, RATE)
                piece.pts = round(starts * RATE)
                for part in resampler.resample(piece):
                    container.mux(audio.encode(part))
        if resampler:
            for part in resampler.resample(None):
                container.mux(audio.encode(part))
            container.mux(audio.encode())
        container.mux(video.encode())


def pictures_of(path):
    """Decode every picture of a clip as a finished picture, at its own time."""
    with av.open(str(path)) as container:
        period = float(1 / container.streams.video[0].average_rate)
        for number, frame in enumerate(container.decode(video=0)):
            packed = frame.reformat(format="yuv420p").to_ndarray().reshape(-1)
            size = frame.width, frame.height
            yield Picture(packed, *size, Colour(), number, float(frame.time), period)


def seen(path):
    """Return the times of a file's pictures and of those that flash, in seconds."""
    times, flashes = [], []
    white = False
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            times.append(float(frame.time))
            luma = frame.to_ndarray()[: frame.height]
            if luma.mean() > 128 and not white:
                flashes.append(times[-1])
            white = luma.mean() > 128
    return times, flashes


def heard(path):
    """Return the time at which a file's sound begins and those of its clicks, in seconds."""
    starts, found = None, []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "mono", RATE)
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                starts = float(piece.time) if starts is None else starts
                loud = np.flatnonzero(np.abs(piece.to_ndarray()[0]) > 0.2)
                for sample in loud:
                    at = float(piece.time) + sample / RATE
                    if not found or at - found[-1] > 0.5:
                        found.append(at)
    return starts, found


def skews(path):
    """Return how much later each click of a file is heard than its flash is seen, in seconds."""
    _, flashes = seen(path)
    _, claps = heard(path)
    assert abs(len(flashes) - len(claps)) <= 1, (flashes, claps)
    return [min((clap - flash for flash in flashes), key=abs) for clap in claps]
