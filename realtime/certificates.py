"""Makes the certificates that recordings are signed with.

A certificate authority is made once and lies in the user's own data folder, readable by the user
alone. Each recording is signed with a fresh key of its own, which the authority certifies and which
is then forgotten.
"""

import datetime
import os
import stat
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.keys import data_folder

AUTHORITY_FILE = "recordings.pem"
NAME = "swapcast on this computer (self-made certificate)"
"""What readers show as the signer."""

_YEARS = 20
_LEAF = datetime.timedelta(days=366)
_EARLY = datetime.timedelta(hours=1)  # clocks differ
_PEM = serialization.Encoding.PEM

_Key = ec.EllipticCurvePrivateKey


def new_chain(folder: Path | None = None) -> tuple[bytes, bytes]:
    """Make a certificate and its key, signed by this installation's authority.

    Parameters
    ----------
    folder : where the authority lies; None: the user's data folder

    Returns
    -------
    chain : bytes
        PEM: the certificate, then the authority's.
    key : bytes
        PEM, PKCS #8, P-256; not kept anywhere.

    Raises
    ------
    SwapcastError
        If the authority cannot be read or made, or others can read it.
    """
    path = (folder or data_folder()) / AUTHORITY_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_authority(path)
        data, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise SwapcastError(f"the key {path} cannot be used: {error.strerror}") from error
    if os.name == "posix" and mode & 0o077:
        raise SwapcastError(f"others can read the key {path}; make it yours: chmod 600 {path}")
    try:
        authority_key = serialization.load_pem_private_key(data, None)
        authority = x509.load_pem_x509_certificate(data)
    except (ValueError, TypeError) as error:
        raise SwapcastError(f"the key {path} is damaged; move it away") from error
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise SwapcastError(f"the key {path} is damaged; move it away")
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate(key, authority_key, authority.subject)
    return leaf.public_bytes(_PEM) + authority.public_bytes(_PEM), _pem(key)


def _make_authority(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_pem(key) + _certificate(key, key, None).public_bytes(_PEM))
    try:
        if not path.exists():  # somebody else may have made one at the same moment
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _pem(key: _Key) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _certificate(key: _Key, issuer_key: _Key, issuer: x509.Name | None) -> x509.Certificate:
    """Certify a key; without an issuer it is an authority's own."""
    own = issuer is None
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "swapcast"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{NAME}, authority" if own else NAME),
        ]
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + (datetime.timedelta(days=365 * _YEARS) if own else _LEAF))
        .add_extension(x509.BasicConstraints(ca=own, path_length=0 if own else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_usage(authority=own), critical=True)
    )
    if not own:
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # as C2PA asks for
        builder = builder.add_extension(uses, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
