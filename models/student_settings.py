"""Form and loss of the compact student: see `swapcast.models.student`."""

from dataclasses import dataclass
from typing import ClassVar

from swapcast.models.swap_model import ModelSettings


@dataclass(frozen=True, kw_only=True)
class StudentSettings(ModelSettings):
    """Form and loss of a student."""

    pairs: ClassVar[bool] = True
    size: int = 224
    widths: tuple[int, ...] = (24, 48, 96, 192)
    """Channels at a half, a quarter, … of the crop's side."""
    blocks: tuple[int, ...] = (0, 1, 2, 2)
    """Residual blocks of the decoder at each of these sizes."""
    vector: int = 128
    """Numbers that say who somebody is."""
    channels: int = 0
    """Of the map that says what the face looks like, place by place, at a quarter of the crop's
    side; 0: there is none."""
    portrait: tuple[int, ...] = (64, 128, 192)
    """Channels of `Portraits` at a quarter, an eighth and a sixteenth of the portrait's side."""
    recogniser: str = ""
    """File of a recogniser whose vector stands beside the code; nothing given: none."""
    teacher: str = ""
    """File of another recogniser, which says how alike two faces are; nothing given: no identity
    loss."""
    detail: float = 1.0
    """Weight of the differences between neighbouring pixels."""
    mask: float = 0.2
    """Weight of the mask."""
    identity: float = 0.1
    """Weight of the identity loss."""
    features: float = 5.0
    """How much more than the rest of the face eyes and mouth count."""
    outside: float = 0.05
    """How much what lies off the face counts."""
    window: int = 160
    """Side of the part of the crop that most batches show, pixels: half the time, nearly all of
    the face. A convolution does not mind."""
    whole: int = 4
    """One batch in so many shows the whole crop."""

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths):
            raise ValueError(f"{len(self.blocks)} numbers of blocks for {len(self.widths)} sizes")
        if self.size % (1 << len(self.widths)):
            raise ValueError(
                f"size {self.size} cannot be halved {len(self.widths)} times; "
                f"choose a multiple of {1 << len(self.widths)}"
            )
