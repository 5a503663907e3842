"""The first start says that it compiles, once."""

import sys

from swapcast.realtime.compiling import compile_kernels


def test_kernels_that_were_never_compiled_are_announced_and_loaded(tmp_path, monkeypatch):
    package = tmp_path / "fresh_kernels"
    package.mkdir()
    for name in ("__init__", "_jit", "paste", "warp"):
        (package / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    said = []
    assert compile_kernels(said.append, "fresh_kernels") == 2
    assert "this once" in said[0]
    assert {"fresh_kernels.paste", "fresh_kernels.warp"} <= set(sys.modules)
    (package / "__pycache__").mkdir(exist_ok=True)
    (package / "__pycache__" / "paste.3.nbi").write_bytes(b"")
    assert compile_kernels(said.append, "fresh_kernels") == 0
    assert len(said) == 1
