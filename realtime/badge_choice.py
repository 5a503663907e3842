"""What a user can choose about the visible badge."""

from typing import Literal, TypeAlias

BadgeStyle: TypeAlias = Literal["label", "letters", "dot", "off"]
"""``label``: a plate that says "AI face". ``letters``: one that says "AI". ``dot``: a ring with a
dot in it. ``off``: none."""

BadgeCorner: TypeAlias = Literal["bottom-right", "bottom-left", "top-right", "top-left"]
