"""Ed25519 keys: the one this installation signs with, and the checking of everybody's signatures.

The installation key is made at first use and lies in the user's own data folder, readable by the
user alone. A signature says that nothing was changed since the holder of a key signed it. It does
not say who that holder is: see `swapcast.realtime.trust`.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.secret_file import kept_secret, read_secret

KEY_FILE = "installation.key"
_HEX = {digits: re.compile(f"[0-9a-f]{{{digits}}}").fullmatch for digits in (64, 128)}


def data_folder() -> Path:
    """Return the folder in which this program keeps what belongs to the user."""
    return Path(platformdirs.user_data_dir("swapcast", appauthor=False))


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """Make a new key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> str:
        """The public key: 64 hexadecimal digits."""
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, purpose: str, content: bytes) -> str:
        """Return the signature of ``content``: 128 hexadecimal digits.

        Parameters
        ----------
        purpose : what is signed
            Goes before the content, so that a signature for one purpose serves no other.
        content : bytes
        """
        return self.private.sign(_framed(purpose, content)).hex()

    def pem(self) -> bytes:
        """Return the key as an unencrypted PKCS #8 PEM file."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def holds(public_key: str, signature: str, purpose: str, content: bytes) -> bool:
    """Tell whether ``signature`` is that key's, for that purpose and content.

    Other spellings of the same bytes (capitals, spaces) are refused: a record has one form.

    Parameters
    ----------
    public_key : 64 hexadecimal digits
    signature : 128 hexadecimal digits
    purpose, content : as they were signed
    """
    if not (_HEX[64](public_key) and _HEX[128](signature)):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), _framed(purpose, content))
    except (ValueError, InvalidSignature):
        return False
    return True


def fingerprint(public_key: str) -> str:
    """Return the first 16 hexadecimal digits of a public key's SHA-256, in fours, to compare."""
    digest = hashlib.sha256(public_key.encode()).hexdigest()[:16]
    return "-".join(digest[k : k + 4] for k in range(0, 16, 4))


def installation_key(folder: Path | None = None) -> SigningKey:
    """Return this installation's key; the first call makes it.

    Parameters
    ----------
    folder : where it lies; None: the user's data folder

    Raises
    ------
    SwapcastError
        If it cannot be written or read, others can read the file, or it is damaged.
    """
    path = (folder or data_folder()) / KEY_FILE
    return _key(path, kept_secret(path, lambda: SigningKey.generate().pem()))


def read_key(path: Path) -> SigningKey:
    """Read a private key that was kept elsewhere.

    Raises
    ------
    SwapcastError
        If there is none, others can read the file, or it is damaged.
    """
    return _key(path, read_secret(path))


def _key(path: Path, data: bytes) -> SigningKey:
    try:
        private = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SwapcastError(
            f"the key {path} is damaged; put back a copy, or move it away"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SwapcastError(f"the key {path} is no Ed25519 key; put back a copy, or move it away")
    return SigningKey(private)


def _framed(purpose: str, content: bytes) -> bytes:
    return f"swapcast {purpose}\n".encode() + content
