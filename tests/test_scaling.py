"""The loop is measured with more faces, larger pictures and more cores."""

import json

import pytest

from swapcast.bench.scaling import Scaling, main
from swapcast.realtime.errors import SettingError, SwapcastError


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(SettingError, match="from 1 on"):
        Scaling(faces=(0,))
    with pytest.raises(SettingError, match="from 1 on"):
        Scaling(cores=(1, 0))


@pytest.mark.slow
def test_every_row_is_a_run_of_its_own(tmp_path):
    path = tmp_path / "scaling.json"
    main(Scaling(sizes=("320x180",), faces=(2,), cores=(1, 99), seconds=1.5, json=path))
    rows = {row["name"]: row for row in json.loads(path.read_text())["results"]}
    names = list(rows)
    assert names[0].startswith("time per frame, 320x180, 1 face, ")
    assert names[1].startswith("time per frame, 1280x720, 2 faces, ")
    assert names[2:] == ["time per frame, 1280x720, 1 face, 1 core"]
    assert all(row["median_ms"] > 0 for row in rows.values())
    swapped = json.loads(path.read_text())["metadata"]["swapped_per_frame"]
    assert set(swapped) == set(names)
    assert swapped[names[1]] > swapped[names[0]] > 0


@pytest.mark.slow
def test_a_run_that_fails_says_why():
    with pytest.raises(SwapcastError, match=r"could not be measured.*no face 'nobody'"):
        main(Scaling(sizes=("320x180",), faces=(), cores=(), seconds=1.0, face="nobody"))
