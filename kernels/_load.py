"""Loads that plain indexing of a uint8 array cannot say: two pixels at once."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numpy.typing import NDArray


def _pair_at(context: Any, array: Any, offset: Any) -> tuple[Signature, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        memory = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        first = builder.bitcast(memory, context.get_value_type(types.uint8).as_pointer())
        place = builder.gep(first, [arguments[1]])
        pointer = context.get_value_type(types.uint16).as_pointer()
        pair = builder.load(builder.bitcast(place, pointer))
        pair.align = 1
        return pair

    return types.uint16(array, types.uint64), generate


pair_at = cast(Callable[[NDArray[np.uint8], np.uint64], np.uint16], intrinsic(_pair_at))
"""Load the byte at an offset and the next one: first + 256 · next. Only within kernels.

One load instead of two, which leaves half as much to do where pixels are looked up one by one; and
where the offset goes up by two from turn to turn, the compiler makes vector code of it, which it
does not for every other byte. Nothing is checked: both bytes must lie in the C-contiguous uint8
array. For processors that keep the low byte first, as all that Numba compiles for do.
"""
