"""`make fuzz`: atheris drives the entries, each in a process of its own, beginning with the mails of the corpus.

    make fuzz ARGS="--seconds 600 parse trim"

A quarter of the time goes to large inputs (`large.py`), which a fuzzer of small ones never comes to.

What is found lies in build/fuzz/ENTRY/found, one input a file; give it a test where the fault was. What covered new
code is kept in build/fuzz/ENTRY/corpus and begun with the next time.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

BUILD: Final = Path(__file__).parents[2] / "build" / "fuzz"
INSIDE: Final = "--inside"  # what follows is one entry, and libFuzzer's own arguments
DEADLINE: Final = 10  # seconds for one input: that of an analyser, instrumented
MEMORY: Final = 2048  # MB
LENGTH: Final = 64 << 10  # octets of one input


def main() -> int:
    if sys.argv[1:2] == [INSIDE]:
        return _inside(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("entries", nargs="*", help="all, when none is named")
    parser.add_argument("--seconds", type=int, default=600, help="in all (600)")
    options = parser.parse_args()
    # Only now: an instrumented process has to load these itself.
    from tests.fuzz.entries import ENTRIES, TOKENS, seeds

    chosen = options.entries or list(ENTRIES)
    each = options.seconds // len(chosen)
    large = each // 4
    BUILD.mkdir(parents=True, exist_ok=True)
    tokens = BUILD / "tokens"
    tokens.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS))
    faults = []
    for entry in chosen:
        folder = BUILD / entry
        for name in ("corpus", "found", "seeds"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds(entry)):
            (folder / "seeds" / f"{number:03}").write_bytes(seed)
        print(f"# {entry}", flush=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz", INSIDE, entry, folder / "corpus", folder / "seeds"),
                f"-artifact_prefix={folder / 'found'}/",
                f"-max_total_time={each - large}",
                *(f"-timeout={DEADLINE}", f"-rss_limit_mb={MEMORY}", f"-max_len={LENGTH}"),
                *(f"-dict={tokens}", "-keep_seed=1", "-print_final_stats=1"),
            ],
            check=False,
        )
        enlarged = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.large", entry, str(large), folder / "found"], check=False
        )
        if done.returncode or enlarged.returncode:
            faults.append(entry)
    print(f"faults in {', '.join(faults)}: see {BUILD}" if faults else "nothing was found")
    return 1 if faults else 0


def _escaped(token: bytes) -> str:
    """As libFuzzer's dictionaries have it."""
    return "".join(f"\\x{octet:02x}" for octet in token)


def _inside(entry: str, arguments: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["smtpintake.mail", "smtpintake.convert"]):
        from tests.fuzz.entries import ENTRIES, as_mail

    run = ENTRIES[entry]

    def one(octets: bytes) -> None:
        run(as_mail(octets) if entry == "parse" else octets)

    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
