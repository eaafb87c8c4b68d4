"""Who is next: at most so many of a domain at a time, and the domains take turns."""

from collections import Counter
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from smtpintake.outbox.lanes import Lanes
from smtpintake.store.outbox import Claimed
from tests.make import NOW

_numbers = count(1)


def mails(*domains: str) -> list[Claimed]:
    return [Claimed(next(_numbers), "", f"c@{each}", each, "s", None, NOW, 0) for each in domains]


def taken(lanes: Lanes) -> list[Claimed]:
    return list(iter(lanes.take, None))


def test_domains_take_turns_and_none_has_more_than_its_width() -> None:
    lanes = Lanes(2)
    lanes.put(mails("a", "a", "a", "b", "c"))
    first = taken(lanes)
    assert [mail.domain for mail in first] == ["a", "b", "c", "a"]
    assert lanes.full == ("a",)
    lanes.done(first[1])
    assert lanes.take() is None
    lanes.done(first[0])
    assert [mail.domain for mail in taken(lanes)] == ["a"]
    assert lanes.empty() == []


def test_mails_of_a_domain_keep_their_order() -> None:
    lanes = Lanes(9)
    several = mails("a", "a", "a")
    lanes.put(several)
    assert taken(lanes) == several


def test_what_is_taken_out_is_not_sent() -> None:
    lanes = Lanes(1)
    under_way, *rest = mails("a", "a", "b")
    lanes.put([under_way, *rest])
    assert lanes.take() is under_way
    assert lanes.empty() == rest
    lanes.done(under_way)
    assert lanes.take() is None
    assert lanes.full == ()


@given(st.lists(st.sampled_from(["put a", "put b", "put c", "take", "done"]), max_size=200), st.integers(1, 3))
def test_whatever_happens_each_mail_is_handed_out_once_and_no_domain_gets_more(steps: list[str], width: int) -> None:
    lanes = Lanes(width)
    given_in, under_way, sent = [], [], []
    for step in steps:
        if step == "take":
            mail = lanes.take()
            waiting = Counter(each.domain for each in given_in)
            waiting.subtract(each.domain for each in (*under_way, *sent))
            may_go = {d for d, left in waiting.items() if left and sum(e.domain == d for e in under_way) < width}
            assert (mail is not None) == bool(may_go)
            if mail:
                assert mail.domain in may_go
                under_way.append(mail)
        elif step == "done":
            if under_way:
                sent.append(under_way.pop(0))
                lanes.done(sent[-1])
        else:
            new = mails(step.removeprefix("put "))
            given_in += new
            lanes.put(new)
    assert len({each.id for each in (*under_way, *sent)}) == len(under_way) + len(sent)
    assert {each.id for each in (*under_way, *sent, *lanes.empty())} == {each.id for each in given_in}
