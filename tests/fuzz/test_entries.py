"""Any octets, and the mails of the corpus with pieces of them changed, moved and lost: no entry raises."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.entries import ENTRIES, TOKENS, as_mail, seeds

SEEDS = {entry: list(seeds(entry)) for entry in ENTRIES}
PIECES = st.sampled_from(TOKENS)


@st.composite
def mutated(draw: st.DrawFn, entry: str) -> bytes:
    octets = draw(st.sampled_from(SEEDS[entry]))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(octets)))
        end = min(len(octets), start + draw(st.sampled_from([0, 1, 7, 80, 1000])))
        put = draw(st.one_of(PIECES, st.binary(max_size=20), st.just(octets[start:end] * 2)))
        octets = octets[:start] + put + octets[end:]
    return octets


@pytest.mark.parametrize("entry", ENTRIES)
@settings(max_examples=60, deadline=10_000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_entry_raises(entry: str, data: st.DataObject) -> None:
    assert SEEDS[entry]
    octets = data.draw(st.one_of(mutated(entry), st.binary(max_size=400)))
    ENTRIES[entry](as_mail(octets) if entry == "parse" else octets)
