"""The signed statement inside a recording of how it was made: a C2PA manifest.

It is signed with certificates that this installation makes for itself. They prove that nothing was
changed since; they do not prove who signed, for nobody has vouched for the signer. Readers report
such a signature as valid but untrusted.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

import c2pa

from swapcast.realtime.certificates import new_chain
from swapcast.realtime.errors import SwapcastError

FORMS = {".mp4": "video/mp4", ".mov": "video/quicktime", ".gif": "image/gif"}
"""The files that can carry a manifest, and their media types."""

State: TypeAlias = Literal["none", "valid", "invalid"]

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_OWN = "swapcast.swap"  # label of the assertion that only we understand
_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    # Nothing is fetched from an address that a file names.
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True, slots=True)
class Origin:
    """From what a recording was made."""

    face: str
    """SHA-256 of the face pack's content, 64 hexadecimal digits."""
    clip: Path | None = None
    """The clip that was converted; None: it was recorded live."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file's manifest says, and whether it holds."""

    state: State
    """``invalid``: the file or the manifest was changed after it was signed."""
    detail: str = ""
    """Of what is wrong, or who signed."""
    face: str = ""
    """Of `Origin.face`; empty where another program made the manifest."""


def can_carry(path: Path) -> bool:
    """Tell whether files of this kind can carry a manifest."""
    return path.suffix.lower() in FORMS


def sign_recording(path: Path, origin: Origin, folder: Path | None = None) -> None:
    """Put a signed manifest into a finished recording.

    The file is written anew beside itself and then takes its own place; it is never half done.

    Parameters
    ----------
    path : of a kind that `can_carry` one
    origin : from what it was made
    folder : where the certificate authority of this installation lies; None: the user's data folder

    Raises
    ------
    SwapcastError
        If that cannot be done; the recording is then as it was.
    """
    form, part = FORMS[path.suffix.lower()], path.with_name(f"{path.name}.{os.getpid()}.part")
    chain = new_chain(folder)
    try:
        with (
            _telling(f"{path} has no manifest"),
            c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", *chain, None)) as signer,
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Builder(_statement(path.name, form, origin), context) as builder,
        ):
            if origin.clip is not None:
                _add_ingredient(builder, origin.clip)
            with path.open("rb") as recording, part.open("w+b") as signed:
                builder.sign(signer, form, recording, signed)
            part.chmod(path.stat().st_mode & 0o777)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _statement(title: str, form: str, origin: Origin) -> str:
    tool = {"name": "swapcast", "version": metadata.version("swapcast")}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _SOURCE_TYPE,
        "softwareAgent": tool,
        "description": "The face of the person in the picture was replaced by another one.",
    }
    own = {"face_pack_sha256": origin.face, "from": "camera" if origin.clip is None else "clip"}
    return json.dumps(
        {
            "claim_generator_info": [tool],
            "title": title,
            "format": form,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
                {"label": _OWN, "data": own},
            ],
        }
    )


def _add_ingredient(builder: c2pa.Builder, clip: Path) -> None:
    """Name the clip as a part of the recording, with its own manifest if it has one."""
    about = json.dumps({"title": "source clip", "relationship": "componentOf"})
    form = FORMS.get(clip.suffix.lower(), "application/octet-stream")
    with clip.open("rb") as source:
        builder.add_ingredient(about, form, source)


def read_manifest(path: Path) -> Manifest:
    """Read a file's manifest and check it against the file.

    Raises
    ------
    SwapcastError
        If the file cannot be read.
    """
    if not can_carry(path):
        return Manifest("none", f"{path.suffix or 'such'} files cannot carry one")
    try:
        with (
            path.open("rb") as file,
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Reader(FORMS[path.suffix.lower()], file, context=context) as reader,
        ):
            state, told = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return Manifest("none")
    except c2pa.C2paError as error:
        return Manifest("invalid", str(error).splitlines()[0])
    except OSError as error:
        raise SwapcastError(f"cannot read {path}: {error.strerror}") from error
    if state not in ("Valid", "Trusted"):
        return Manifest("invalid", ", ".join(_failures(told)))
    return _described(told, trusted=state == "Trusted")


def _failures(told: dict[str, Any]) -> list[str]:
    codes = [str(one.get("code")) for one in told.get("validation_status") or []]
    return [code for code in codes if code != "signingCredential.untrusted"] or codes


def _described(told: dict[str, Any], *, trusted: bool) -> Manifest:
    active = told["manifests"][told["active_manifest"]]
    signer = active.get("signature_info", {}).get("common_name", "somebody")
    vouched = "" if trusted else ", for whom nobody vouches"
    own = [one["data"] for one in active.get("assertions", []) if one.get("label") == _OWN]
    face = str(own[0].get("face_pack_sha256", "")) if own else ""
    return Manifest("valid", f"signed by {signer}{vouched}", face)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Say in one line why a manifest could not be written.

    Raises
    ------
    SwapcastError
        In place of what the library and the system raise.
    """
    try:
        yield
    except c2pa.C2paError as error:
        raise SwapcastError(f"{what}: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise SwapcastError(f"{what}: {error.strerror or error}") from error
