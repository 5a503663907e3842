"""The first start after an installation compiles the kernels, and shows how far that is."""

from collections.abc import Callable
from importlib import import_module, resources
from pathlib import Path


def compile_kernels(say: Callable[[str], None], package: str = "swapcast.kernels") -> int:
    """Compile the kernels if that was never done here, with a progress bar on standard error.

    They are compiled when their modules are imported; numba keeps the machine code beside them, so
    later starts only load it.

    Parameters
    ----------
    say : is told, once, why this start takes longer
    package : whose modules hold the kernels

    Returns
    -------
    int
        How many modules were imported for it; 0 if nothing was to be done.
    """
    with resources.as_file(resources.files(package)) as folder:
        if any(folder.glob("__pycache__/*.nbi")):
            return 0
        names = _modules(folder)
    from rich.console import Console  # noqa: PLC0415 - for this once
    from rich.progress import track  # noqa: PLC0415

    say("compiling the kernels for this processor: about a minute, this once")
    console = Console(stderr=True)
    for name in track(names, "compiling", console=console, disable=not console.is_terminal):
        import_module(f"{package}.{name}")
    return len(names)


def _modules(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
