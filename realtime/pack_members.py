"""Reads the members of a small zip file of known names, without trusting a word of it.

Nothing is ever unpacked to disk, so no name can lead out of a folder. Before a byte is unpacked the
file has to say that it holds exactly the members asked for, once each, plain, and no larger than
they may be.
"""

import errno
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")  # zip's end record: entries at 3 and 4, directory's size at 5
_LOCATOR = 20  # bytes of the Zip64 locator, which stands before the end record
_DIRECTORY = 4096  # bytes: three members need a tenth of it
_RATIO = 100  # weights hardly shrink; zip bombs swell a thousandfold
_SLACK = 1 << 20


class BadPackError(Exception):
    """A file that is not the zip it should be. The text says what is wrong."""


def read_members(path: Path, *kinds: Mapping[str, int]) -> dict[str, bytes]:
    """Read a zip file that holds exactly the members of one kind of pack.

    Parameters
    ----------
    path : a regular file
    kinds : each by name, how many bytes a member may have unpacked

    Returns
    -------
    dict
        Content by name.

    Raises
    ------
    OSError
        If the file cannot be read.
    BadPackError
        If it is anything else.
    """
    # Opened without waiting: a named pipe in place of the file must not hang the program.
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise BadPackError("it is no plain file")
        if about.st_size > max(sum(kind.values()) for kind in kinds) + _SLACK:
            raise BadPackError(f"it has {about.st_size} bytes")
        try:
            _check_end(file, {len(kind) for kind in kinds})
            with zipfile.ZipFile(file) as pack:
                members = pack.infolist()
                _check_members(members, kinds)
                return {member.filename: _read(pack, member) for member in members}
        except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
            raise BadPackError(str(error) or "it ends too early") from error
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            raise BadPackError("it points out of itself") from error
        except (NotImplementedError, RuntimeError, ValueError, OverflowError) as error:
            # What zipfile raises for forms it does not read, and for offsets out of the file.
            raise BadPackError(str(error)) from error


def _check_end(file: BinaryIO, counts: Collection[int]) -> None:
    """Bound the directory before zipfile reads all of it."""
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        raise BadPackError("it is too short")
    file.seek(max(0, size - _END.size - _LOCATOR))
    tail = file.read()
    mark, *_, entries, directory, _, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\x05\x06" or comment:
        raise BadPackError("it does not end as a zip file")
    if entries not in counts or directory > _DIRECTORY or tail.startswith(b"PK\x06\x07"):
        raise BadPackError(f"it holds {entries} members in a directory of {directory} bytes")


def _check_members(members: list[zipfile.ZipInfo], kinds: Sequence[Mapping[str, int]]) -> None:
    names = sorted(member.filename for member in members)
    largest = next((kind for kind in kinds if sorted(kind) == names), None)
    if largest is None:
        raise BadPackError(f"it holds {', '.join(map(repr, names))[:200]}")
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in {0, stat.S_IFREG}:
            raise BadPackError(f"{member.filename} is no plain file")
        if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise BadPackError(f"{member.filename} is packed in an unusual way")
        if member.flag_bits & 0x1:
            raise BadPackError(f"{member.filename} is encrypted")
        limit = min(largest[member.filename], _RATIO * member.compress_size + _SLACK)
        if member.file_size > limit:
            raise BadPackError(f"{member.filename} would unpack to {member.file_size} bytes")


def _read(pack: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with pack.open(member) as stream:
        data = stream.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise BadPackError(f"{member.filename} has {len(data)} bytes, not {member.file_size}")
    return data
