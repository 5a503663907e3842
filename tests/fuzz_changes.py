"""What is done to the bytes of files, and the only folder in which the changed files may lie."""

import copy
import json
import random
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.mkdtemp(prefix="swapcast-fuzz-"))


def at(name: str, data: bytes) -> Path:
    """Write a file into the only folder in which there may be one."""
    path = FOLDER / name
    path.write_bytes(data)
    return path


_ODD = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63, 2**64 - 1]


def scramble(rng: random.Random, data: bytes) -> bytes:
    """Change some bytes anywhere: flipped, set, taken out, put in, doubled, cut off."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        place, kind = rng.randrange(len(out) + 1), rng.randrange(7)
        span = rng.choice([1, 2, 4, 8, rng.randrange(1, 64)])
        if kind == 0 and place < len(out):
            out[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[place : place + span] = rng.randbytes(span)
        elif kind == 2:
            del out[place : place + span]
        elif kind == 3:
            out[place:place] = rng.randbytes(span)
        elif kind == 4:
            out[place:place] = out[place : place + span]
        elif kind == 5:
            odd = rng.choice(_ODD) & ((1 << 8 * min(span, 8)) - 1)
            size = min(span, 8)
            out[place : place + size] = odd.to_bytes(size, rng.choice(["little", "big"]))
        elif rng.random() < 0.2:
            del out[place:]
    return bytes(out)


_VALUES = [None, True, 0, -1, 2**70, 1.5, "", "x" * 70, "\x00", "\ud800", "é", [], {}, [[]],
           "../../x", "2026-02-30", "live", ["live", "commercial"]]  # fmt: skip


def change_json(rng: random.Random, data: bytes) -> bytes:
    """Change the value, the name or the presence of a member somewhere in a JSON text."""
    value = json.loads(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        here = value
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(here[key], dict | list) and here[key] and rng.random() < 0.7:
                here = here[key]
                continue
            kind = rng.randrange(4)
            if kind == 0:
                here[key] = copy.deepcopy(rng.choice(_VALUES))
            elif kind == 1 and isinstance(here, dict):
                here[rng.choice(["", "x", key + "_", "é"])] = here.pop(key)
            elif kind == 2:
                del here[key]
            elif isinstance(here[key], str) and here[key]:
                here[key] = scramble(rng, here[key].encode("utf-8", "replace")).decode("latin-1")
            break
    return json.dumps(value).encode()


def json_or_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change a JSON text by its meaning or by its bytes."""
    return change_json(rng, data) if rng.random() < 0.6 else scramble(rng, data)
