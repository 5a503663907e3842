"""Makes the certificates that recordings are signed with.

A certificate authority is made once and lies in the user's own data folder, readable by the user
alone. Each recording is signed with a fresh key of its own, which the authority certifies and which
is then forgotten.
"""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swapcast.realtime.errors import SwapcastError
from swapcast.realtime.keys import data_folder
from swapcast.realtime.secret_file import kept_secret

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
    data = kept_secret(path, _new_authority)
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


def _new_authority() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return _pem(key) + _certificate(key, key, None).public_bytes(_PEM)


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
