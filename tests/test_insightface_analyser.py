import importlib.util
from pathlib import Path

import numpy as np
import pytest

from swapcast.realtime.analyser import open_analyser
from swapcast.realtime.errors import ModelError
from swapcast.realtime.insightface_analyser import to_68

PACKAGE = importlib.util.find_spec("insightface") is not None

CONTOUR = [1, *range(9, 17), *range(2, 9), 0, *range(24, 17, -1), *range(32, 24, -1), 17]
"""The 33 points of the jaw in insightface's numbering, walked from the picture's left."""


def test_without_the_package_one_line_says_what_to_install():
    if PACKAGE:
        pytest.skip("the insightface package is here")
    with pytest.raises(ModelError, match=r"pip install 'swapcast\[insightface\]'") as caught:
        open_analyser("insightface", detached=False, model=Path("somewhere"))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not PACKAGE, reason="the insightface package is not installed")
def test_without_a_pack_one_line_says_what_to_give(tmp_path):
    with pytest.raises(ModelError, match="--detector-model"):
        open_analyser("insightface", detached=False, model=tmp_path / "nothing")
    with pytest.raises(ModelError, match="has no network for detection, landmark_2d_106"):
        open_analyser("insightface", detached=False, model=tmp_path)
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"cannot load .*broken\.onnx"):
        open_analyser("insightface", detached=False, model=tmp_path)


def test_each_of_the_68_points_is_another_one_of_the_106():
    numbered = np.stack([np.arange(106), np.arange(106)], 1).astype(np.float32)
    picked = to_68(numbered)
    assert picked.shape == (68, 2)
    assert picked.dtype == np.float32
    assert len(set(picked[:, 0].tolist())) == 68


def test_the_jaw_is_walked_in_order_from_one_ear_to_the_other():
    points = np.zeros((106, 2), np.float32)
    turn = np.linspace(np.pi, 0, 33)
    points[CONTOUR] = np.stack([np.cos(turn), np.sin(turn)], 1)
    jaw = to_68(points)[:17]
    assert (np.diff(jaw[:, 0]) > 0).all()
    assert jaw[8, 1] == jaw[:, 1].max() == 1
    gaps = np.linalg.norm(np.diff(jaw, axis=0), axis=1)
    assert gaps.max() < 2.1 * gaps.min()
