"""What the invisible mark says, and the error-correcting code that carries it.

The payload's 48 bits (version, installation, checksum) go through a tail-biting convolutional code
of constraint length 9 and rate 1/4, with the generators of K. J. Larsen, "Short convolutional codes
with maximal free distance for rates 1/2, 1/3, and 1/4", IEEE Trans. Inform. Theory 19 (1973). They
are read back from soft values by the wrap-around Viterbi algorithm: R. Y. Shao, S. Lin,
M. P. C. Fossorier, "Two decoding algorithms for tailbiting codes", IEEE Trans. Commun. 51 (2003).
"""

import binascii
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Of the marks this program makes."""

INSTALLATION_BITS = 28
PAYLOAD_BITS = 48
"""4 of the version, 28 of the installation, 16 of the checksum."""

_GENERATORS = (0o463, 0o535, 0o733, 0o745)
CODE_BITS = PAYLOAD_BITS * len(_GENERATORS)
_STATES = 256
_WRAPS = 4  # rounds of the trellis until the path's ends have met, or are given up


@dataclass(frozen=True, slots=True)
class Payload:
    """What a mark says."""

    installation: int = 0
    """0…2²⁸ - 1; changes every day; 0 is nobody's."""
    version: int = VERSION
    """0…15: how the rest is to be read."""

    def bits(self) -> NDArray[np.uint8]:
        """Return uint8 [48] of 0 and 1, the checksum last."""
        word = (self.version << INSTALLATION_BITS | self.installation).to_bytes(4, "big")
        return np.unpackbits(np.frombuffer(word + _checksum(word), np.uint8))


def _checksum(word: bytes) -> bytes:
    return binascii.crc_hqx(word, 0xFFFF).to_bytes(2, "big")  # CRC-16/CCITT


def _outputs() -> NDArray[np.int8]:
    """Return int8 [512, 4] of +1 (bit 0) and -1 (bit 1): what nine bits in a row send."""
    registers = np.arange(2 * _STATES)[:, None] & np.array(_GENERATORS)
    parity = np.zeros_like(registers)
    for place in range(9):
        parity ^= registers >> place & 1
    signs: NDArray[np.int8] = (1 - 2 * parity).astype(np.int8)
    return signs


_SENT = _outputs()


def encode(payload: Payload) -> NDArray[np.int8]:
    """Return the code word of a payload: int8 [192] of +1 (bit 0) and -1 (bit 1)."""
    bits = payload.bits()
    state = int("".join(map(str, bits[-8:])), 2)  # the last bits stand before the first
    word = []
    for bit in bits:
        register = state << 1 | int(bit)
        word.append(_SENT[register])
        state = register & (_STATES - 1)
    return np.concatenate(word)


def decode(soft: NDArray[np.floating]) -> Payload | None:
    """Read a payload from what arrived.

    Parameters
    ----------
    soft : float [192]
        How surely each bit of the code word is 0 (positive) or 1 (negative), in any one unit.

    Returns
    -------
    Payload or None
        None if the checksum does not hold.
    """
    packed = np.packbits(_viterbi(np.asarray(soft, np.float64).reshape(PAYLOAD_BITS, -1))).tobytes()
    if _checksum(packed[:4]) != packed[4:]:
        return None
    word = int.from_bytes(packed[:4], "big")
    return Payload(word & (1 << INSTALLATION_BITS) - 1, word >> INSTALLATION_BITS)


def _viterbi(soft: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Find the likeliest path that ends where it begins: uint8 [48] of 0 and 1."""
    states = np.arange(_STATES)
    registers = np.stack([states, states | _STATES])  # the two ways into each state
    before = registers >> 1
    gains = np.einsum("tk,psk->tps", soft, _SENT[registers].astype(np.float64))
    metric = np.zeros(_STATES)
    path = np.zeros(len(soft), np.uint8)
    for _ in range(_WRAPS):
        chosen = np.empty((len(soft), _STATES), np.int64)
        origin = states
        start = metric
        for t, gain in enumerate(gains):
            ways = metric[before] + gain
            best = ways.argmax(0)
            chosen[t] = before[best, states]
            origin = origin[chosen[t]]
            metric = ways[best, states]
        closed = np.flatnonzero(origin == states)
        gained = metric - start[origin]
        end = int(closed[gained[closed].argmax()]) if closed.size else int(gained.argmax())
        state = end
        for t in range(len(soft) - 1, -1, -1):
            path[t] = state & 1
            state = int(chosen[t, state])
        if origin[int(gained.argmax())] == gained.argmax():
            break
    return path
