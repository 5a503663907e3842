"""How every kernel of this package is compiled."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(signature: str, *, fastmath: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for exactly one signature, without the GIL.

    A call with another dtype, rank or memory layout raises ``TypeError`` instead of compiling a
    second version, which would stall a live stream for a tenth of a second or more.

    Parameters
    ----------
    signature : Numba signature
        Types of the arguments and of the result, such as ``"void(u1[:, ::1], f4)"``.
    fastmath : bool
        Let the compiler reorder float additions, which it needs to vectorise sums.
    """
    compiled = numba.njit(signature, nogil=True, cache=True, error_model="numpy", fastmath=fastmath)
    return cast(Callable[[Callable[P, R]], Callable[P, R]], compiled)
