"""One way to write a JSON value as bytes, so that it can be signed; and a wary way to read one.

Objects with ASCII names in the order of their characters, no space between tokens, UTF-8, strings
escaped only where JSON demands it, whole numbers up to 2⁵³ and no others. That is RFC 8785 (JSON
Canonicalization Scheme), less the numbers on which programs could disagree.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

LARGEST = 1 << 20
"""Bytes of a JSON text that are read at all."""
_DEEPEST = 16
_WHOLE = 2**53 - 1


class CanonicalError(ValueError):
    """A value that has no canonical form, or a text that is no JSON we read."""


def canonical(value: object) -> bytes:
    """Write a value in its only form.

    Raises
    ------
    CanonicalError
        If a part of it is a fraction, a huge number, a broken string, a name that is not ASCII, or
        nested deeper than 16.
    """
    _check(value, 0)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CanonicalError("a text has half a character in it") from error


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object; one that names a member twice, or is not plain, is refused.

    Raises
    ------
    CanonicalError
        If it is anything else.
    """
    if len(data) > LARGEST:
        raise CanonicalError(f"{len(data)} bytes of JSON; at most {LARGEST} are read")
    try:
        value = json.loads(data, object_pairs_hook=_once)
        _check(value, 0)
    except (ValueError, RecursionError) as error:
        raise CanonicalError(str(error)) from error
    if not isinstance(value, dict):
        raise CanonicalError("not a JSON object")
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise CanonicalError("a member is named twice")
    return value


def _check(value: object, depth: int) -> None:
    if depth > _DEEPEST:
        raise CanonicalError(f"nested deeper than {_DEEPEST}")
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not (isinstance(name, str) and name.isascii()):
                raise CanonicalError(f"the name {name!r} is not ASCII")
            _check(part, depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            _check(part, depth + 1)
    elif isinstance(value, int):
        if abs(value) > _WHOLE:
            raise CanonicalError("a number beyond 2**53")
    elif not (value is None or isinstance(value, str)):
        raise CanonicalError(f"{type(value).__name__} has no canonical form")
