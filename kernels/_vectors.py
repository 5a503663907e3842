"""What plain indexing cannot say: several neighbouring values at once. Only within kernels.

Nothing is checked: what is named must lie in the C-contiguous array.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

_Typed = tuple[Any, Callable[..., Any]]


def _first(context: Any, builder: Any, array: Any, value: Any, element: Any) -> Any:
    """Return a pointer to an array's first element, as one to another type."""
    memory = context.make_array(array)(context, builder, value).data
    return builder.bitcast(memory, element.as_pointer())


def _pair_at(context: Any, array: Any, offset: Any) -> _Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = _first(context, builder, signature.args[0], arguments[0], ir.IntType(8))
        place = builder.gep(first, [arguments[1]])
        pair = builder.load(builder.bitcast(place, ir.IntType(16).as_pointer()))
        pair.align = 1
        return pair

    return types.uint16(array, types.uint64), generate


pair_at = cast(Callable[[NDArray[np.uint8], np.uint64], np.uint16], intrinsic(_pair_at))
"""Load the byte at an offset and the next one: first + 256 · next.

One load instead of two, which leaves half as much to do where pixels are looked up one by one; and
where the offset goes up by two from turn to turn, the compiler makes vector code of it, which it
does not for every other byte. For processors that keep the low byte first, as all that Numba
compiles for do.
"""


def _mixed(count: int) -> Callable[..., Any]:
    """Write code that mixes four vectors of neighbouring floats."""
    vector, index = ir.VectorType(ir.FloatType(), count), ir.IntType(32)
    zeros = ir.Constant(ir.VectorType(index, count), [0] * count)
    nothing = ir.Constant(vector, ir.Undefined)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, (table, top, bottom, right, below, line, place) = signature.args, arguments
        source = _first(context, builder, kinds[0], table, ir.FloatType())
        target = _first(context, builder, kinds[5], line, ir.FloatType())
        beside = ir.IntType(64)(count)

        def at(base: Any, offset: Any) -> Any:
            return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

        def values(offset: Any) -> Any:
            loaded = builder.load(at(source, offset))
            loaded.align = 4
            return loaded

        def spread(share: Any) -> Any:
            lane = builder.insert_element(nothing, share, index(0))
            return builder.shuffle_vector(lane, lane, zeros)

        def between(one: Any, other: Any, share: Any) -> Any:
            part = builder.fmul(builder.fsub(other, one, ("fast",)), share, ("fast",))
            return builder.fadd(one, part, ("fast",))

        right, below = spread(right), spread(below)
        above = between(values(top), values(builder.add(top, beside)), right)
        under = between(values(bottom), values(builder.add(bottom, beside)), right)
        builder.store(between(above, under, below), at(target, place)).align = 4
        return context.get_dummy_value()

    return generate


_OFFSET, _SHARE = types.uint64, types.float32


def _mix_two(
    context: Any, table: Any, top: Any, bottom: Any, right: Any, below: Any, line: Any, place: Any
) -> _Typed:
    kinds = table, _OFFSET, _OFFSET, _SHARE, _SHARE, line, _OFFSET
    return types.void(*kinds), _mixed(2)


def _mix_four(
    context: Any, table: Any, top: Any, bottom: Any, right: Any, below: Any, line: Any, place: Any
) -> _Typed:
    kinds = table, _OFFSET, _OFFSET, _SHARE, _SHARE, line, _OFFSET
    return types.void(*kinds), _mixed(4)


_Floats = NDArray[np.float32]
_Mix = Callable[[_Floats, np.uint64, np.uint64, np.float32, np.float32, _Floats, np.uint64], None]

mix_two = cast(_Mix, intrinsic(_mix_two))
"""Write what lies between four pairs of float32: short vectors, which the compiler does not find.

Parameters: a table; where the upper and the lower left pair lie in it, each followed by the pair
on its right; how much the right and the lower ones count; the array that gets two values, and
where.
"""

mix_four = cast(_Mix, intrinsic(_mix_four))
"""As `mix_two`, for four values instead of two."""
