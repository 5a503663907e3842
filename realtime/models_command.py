"""`swapcast models pull`: fetches a model file and makes sure that it is the one wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from swapcast.realtime.download import Limits, download
from swapcast.realtime.errors import SettingError
from swapcast.realtime.keys import data_folder


@dataclass(frozen=True, kw_only=True)
class Pull:
    """Fetch a model file. It is used only if it has the SHA-256 that you were told elsewhere."""

    url: tyro.conf.Positional[str]
    """https://…"""
    sha256: str
    """Of the file, 64 hexadecimal digits."""
    out: Path | None = None
    """The file to write; nothing given: the address's last word, among this program's models."""
    limit: int = 4096
    """Give up on a file of more megabytes."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise SettingError(f"--limit is {self.limit}; it must be at least 1")


def run(argv: Sequence[str], say: Callable[[str], None]) -> None:
    """Carry out `swapcast models pull …`."""
    actions: dict[str, Callable[..., Pull]] = {"pull": Pull}
    settings = tyro.extras.subcommand_cli_from_dict(
        actions, prog="swapcast models", args=list(argv), description="Model files."
    )
    out = settings.out or _place(settings.url)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(out.name, total=None)
        download(
            settings.url,
            settings.sha256,
            out,
            limits=Limits(size=settings.limit << 20),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(f"{out}: fetched, and it is the file wanted")


def _place(url: str) -> Path:
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    if not name or name.startswith(".") or any(c in name for c in "\\/:\0"):
        raise SettingError(f"{url} has no file's name at its end; give one with --out")
    return data_folder() / "models" / name
