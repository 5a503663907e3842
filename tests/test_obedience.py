"""A network that does what it is asked is told from one that does not."""

import pytest

pytest.importorskip("torch")

from swapcast.bench.obedience import Answer, Obedience, main
from swapcast.models.shared_autoencoder import AutoencoderSettings
from swapcast.realtime.errors import SettingError
from tests.test_export import write_run


@pytest.mark.parametrize(
    ("found", "correlation", "reached"),
    [
        (1.0, 0.9, True),
        (1.0, 0.4, False),
        (0.5, 0.9, False),
        (1.0, -0.9, False),
        (0.0, None, False),
    ],
)
def test_a_network_obeys_where_faces_are_seen_that_follow(found, correlation, reached):
    assert Answer("yaw", found, correlation, (0.0,) * 5).reached is reached


def test_a_network_without_attributes_is_named(tmp_path):
    write_run(tmp_path, AutoencoderSettings(width=1 / 16))
    settings = Obedience(run=tmp_path, identity="b", judges=tmp_path, faces=tmp_path)
    with pytest.raises(SettingError, match="is a shared_autoencoder, which takes no attributes"):
        main(settings)
