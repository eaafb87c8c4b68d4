"""Large inputs: something of the corpus with a chunk repeated in it up to megabytes, as whoever looks for what is
quadratic would write it. One entry, in a process that a signal ends where an input takes too long:

    python -m tests.fuzz.large ENTRY SECONDS FOLDER

FOLDER keeps the input that was being read when the process ended.
"""

import random
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Final

from smtpintake.mail.bodies import MAX_TEXTS
from tests.fuzz.entries import ENTRIES, TOKENS, as_mail, seeds

DEADLINE: Final = 10  # seconds of processor time for one input: that of an analyser
MEMORY: Final = 4 << 30  # octets
LARGEST: Final = 10 << 20  # octets
LONGEST_CHUNK: Final = 300
# What takes text is never given more, or other octets, by the code that calls it.
_LONGEST: Final = dict.fromkeys(("body", "trim", "forwarded"), MAX_TEXTS) | {"calendar": 64 << 10}


def enlarged(choice: random.Random, known: list[bytes], largest: int) -> bytes:
    """One of `known` with a chunk repeated somewhere in it, up to `largest` octets."""
    whole = choice.choice(known)
    at = choice.randrange(len(whole) + 1)
    chunk = _chunk(choice, known)
    size = choice.choice((largest, largest, largest // 10))
    rest = whole[at:] if choice.random() < 0.5 else b""  # what was open may stay so
    return (whole[:at] + chunk * (size // len(chunk)) + rest)[:largest]


def _chunk(choice: random.Random, known: list[bytes]) -> bytes:
    """Some tokens, a few octets of what is known, or both."""
    pieces = [choice.choice(TOKENS) for _ in range(choice.randrange(4))]
    if not pieces or choice.random() < 0.5:
        whole = choice.choice(known)
        at = choice.randrange(len(whole))
        pieces.append(whole[at : at + choice.choice((1, 5, 40, LONGEST_CHUNK))])
    choice.shuffle(pieces)
    return b"".join(pieces)


def main(entry: str, seconds: int, folder: Path) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    begun, number, slowest = time.monotonic(), 0, 0.0
    seed = time.time_ns()
    known = [octets for octets in seeds(entry) if octets]
    largest = _LONGEST.get(entry, LARGEST)
    while time.monotonic() < begun + seconds:
        octets = enlarged(random.Random(seed + number), known, largest)
        current = folder / f"large-{seed + number}"
        current.write_bytes(octets)
        signal.setitimer(signal.ITIMER_PROF, DEADLINE)
        before = time.process_time()
        ENTRIES[entry](as_mail(octets) if entry == "parse" else octets)
        slowest = max(slowest, time.process_time() - before)
        signal.setitimer(signal.ITIMER_PROF, 0)
        current.unlink()
        number += 1
    print(f"{number} large inputs, the slowest took {slowest:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
