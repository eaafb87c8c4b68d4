"""What travels between the processes arrives as it was, and nothing common goes the slow way."""

import hashlib
import pickle
import pickletools
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime

import pytest

from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import AuthResult, SpfResult
from smtpintake.auth.verify import Evidence
from smtpintake.intake.analysis import Task, analyse
from smtpintake.intake.travelling import travel_light

MAIL = b"""\
From: Ana <ana@customer.example>
To: support@example.org
Message-ID: <1@customer.example>
In-Reply-To: <2@customer.example>
DKIM-Signature: v=1; a=rsa-sha256; d=customer.example; s=mail; h=from; bh=eA==; b=eA==
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c

It does not print.

On 1 March 2026 10:00, Support <support@example.org> wrote:
> Does it print?
--c
Content-Type: text/html

<p>It does not print.</p><blockquote type="cite">Does it print? <b>Now?</b></blockquote>
--c--
--b
Content-Type: image/png; name=a.png

\x89PNG
--b--
""".replace(b"\n", b"\r\n")
EVIDENCE = Evidence(
    SpfResult(AuthResult.PASS, "customer.example"),
    SpfResult(AuthResult.NONE),
    (Answer("_dmarc.customer.example", "TXT", Found.RECORDS, ("v=DMARC1; p=none",)),),
    datetime(2026, 3, 2, tzinfo=UTC),
)
TASK = Task(MAIL, None, hashlib.sha256(MAIL).hexdigest(), (), EVIDENCE)


@pytest.mark.parametrize("value", [TASK, analyse(TASK)], ids=["task", "analysis"])
def test_it_arrives_as_it_was(value: object) -> None:
    travel_light()
    assert pickle.loads(pickle.dumps([value])) == [value]


def test_values_of_a_mail_do_not_list_their_fields() -> None:
    travel_light()
    slow = {type(value).__name__ for value in (*values(TASK), *values(analyse(TASK))) if is_slow(value)}
    assert slow == set()


def values(value: object) -> Iterator[object]:
    """`value`, and every dataclass inside."""
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from values(getattr(value, field.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from values(item)


def is_slow(value: object) -> bool:
    """True where pickle makes an empty object and sets what is in it."""
    return "BUILD" in {operation.name for operation, _, _ in pickletools.genops(pickle.dumps(value))}
