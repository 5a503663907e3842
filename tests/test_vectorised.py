"""The inner loops of the kernels become vector code, which the compiler does not tell by itself."""

import re

import numba
import pytest

from swapcast.kernels import enlarge, lines, output, paste, spans, table, warp

VECTORS = re.compile(r"<\d+ x (i8|i16|i32|float)>")

LOOPS = {
    "places of a row": lines.place_row,
    "mixing and colours of a row": lines.colour_row,
    "halves of luma": warp._halve,
    "the mark": output._mark_row,
    "other levels": output._luma_row,
    "weights of a face": paste._weigh,
    "detail of a face": paste._let_through,
    "ends of the mask's rows": spans.find_spans,
    "samples of a face": table.mix_four,
    "chroma": enlarge.blend_chroma,
    "luma between chroma": enlarge._blend_luma,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_vector_code(name):
    loop = LOOPS[name]
    # What was loaded from the cache cannot be looked at: it is compiled once more.
    compiled = numba.njit(
        loop.signatures[0],
        error_model="numpy",
        fastmath=loop.targetoptions.get("fastmath", False),
    )(loop.py_func)
    code = compiled.inspect_llvm(compiled.signatures[0])
    counted = len(VECTORS.findall(code))
    assert counted >= 10, f"{name}: {counted} vectors"


def test_one_pixel_after_another_is_not_taken_for_vector_code():
    @numba.njit("void(u1[::1])", error_model="numpy")
    def one_by_one(line):
        for j in range(1, line.size):  # each needs the one before
            line[j] = line[j - 1] * 3 + line[j]

    assert not VECTORS.findall(one_by_one.inspect_llvm(one_by_one.signatures[0]))
