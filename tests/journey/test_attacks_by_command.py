"""Attacks with commands: `#status closed` written so that somebody who may command sends it, or seems to."""

from typing import Any

import pytest

from smtpintake.auth.results import AuthVerdict
from smtpintake.store.schema import Comment, Issue, OutboxMail
from tests.intake.test_record import World
from tests.journey.attacked import (
    CARA,
    DISOWNED,
    FIRST,
    FROM_ANA,
    FROM_CARA,
    FROM_EVE,
    NOTHING,
    OWN,
    everything,
    mail,
)

REFERS = f"Subject: Re: Printer\nIn-Reply-To: <{FIRST}>\n"
ORDERS = "#status closed\n#priority urgent\n#tag hacked\n#assign ana@agents.example\n#forward eve@evil.example\n"
QUOTED = "".join(f"> {line}\n" for line in ORDERS.splitlines())
HTML = ORDERS.replace("\n", "<br>")
ALTERNATIVE = "Content-Type: multipart/alternative; boundary=b\n"


def assert_nothing_was_commanded(before: Any, world: World) -> None:
    """The issues are as they were but for the time, and nothing was sent on."""
    after = everything(world)
    for key, row in before[Issue].items():
        assert {**after[Issue][key], "updated_at": row["updated_at"]} == row
    for row in after[Issue].values():
        assert (row["status"], row["priority"], row["tags"], row["assignee_id"]) == ("open", "normal", [], None)
    assert {row["kind"] for row in after[OutboxMail].values()} == {"autoreply"}


# What the agent sends, who is proved and may: an answer to Cara, in whose mail the commands were.
CARRIED = {
    "quoted below the answer": (REFERS, "Will do.\n\nOn Mon, 2 Mar 2026 at 10:00, Cara wrote:\n" + QUOTED),
    "quoted above the answer": (REFERS, QUOTED + "\nWill do.\n"),
    "quoted, and no answer": (REFERS, QUOTED),
    "under an attribution without marks": (REFERS, "On Mon, 2 Mar 2026 at 10:00, Cara wrote:\n" + ORDERS),
    "under Outlook's rule": (
        REFERS,
        "-----Original Message-----\nFrom: Cara\nSent: Monday\nTo: Ana\nSubject: Printer\n\n" + ORDERS,
    ),
    "under Outlook's header block": (
        REFERS,
        f"From: Cara <{CARA}>\nSent: Monday, 2 March 2026 10:00\nTo: Ana\nSubject: Printer\n\n" + ORDERS,
    ),
    "under a rule of underscores": (
        REFERS,
        f"________________________________\nFrom: Cara <{CARA}>\nSent: Monday\nSubject: Printer\n\n" + ORDERS,
    ),
    "under our separator": (REFERS, "-- reply above this line --\n" + ORDERS),
    "forwarded by Gmail": (
        REFERS.replace("Re:", "Fwd:"),
        f"---------- Forwarded message ---------\nFrom: Cara <{CARA}>\nDate: Monday\nSubject: Printer\n\n" + ORDERS,
    ),
    "forwarded by Thunderbird": (
        REFERS.replace("Re:", "Fwd:"),
        f"-------- Forwarded Message --------\nSubject: Printer\nFrom: Cara <{CARA}>\n\n" + ORDERS,
    ),
    "forwarded by Apple Mail": (
        REFERS.replace("Re:", "Fwd:"),
        f"Begin forwarded message:\n\n> From: Cara <{CARA}>\n> Subject: Printer\n>\n" + QUOTED,
    ),
    "forwarded by mutt": (
        REFERS.replace("Re:", "Fwd:"),
        f"----- Forwarded message from Cara <{CARA}> -----\n\n{ORDERS}\n----- End forwarded message -----\n",
    ),
    "after a greeting": (REFERS, "Dear all,\n" + ORDERS),
    "in the signature": (REFERS, "Will do.\n-- \n" + ORDERS),
    "in the subject": (REFERS.replace("Printer", "#status closed"), "Will do.\n"),
    "in a field": (REFERS + "X-Command: #status closed\nComments: #status closed\n", "Will do.\n"),
    "in HTML alone": (REFERS + "Content-Type: text/html\n", f"<p>{HTML}</p>"),
    "hidden in HTML": (
        REFERS + "Content-Type: text/html\n",
        f"<div style='display:none'>{HTML}</div><!-- {ORDERS} --><p>Will do.</p>",
    ),
    "in the HTML beside a text": (
        REFERS + ALTERNATIVE,
        f"--b\n\nWill do.\n--b\nContent-Type: text/html\n\n<p>{HTML}</p>\n--b--\n",
    ),
    "in an attached text": (
        REFERS + "Content-Type: multipart/mixed; boundary=b\n",
        f"--b\n\nWill do.\n--b\nContent-Type: text/plain\nContent-Disposition: attachment\n\n{ORDERS}\n--b--\n",
    ),
    "in an attached mail": (
        REFERS + "Content-Type: multipart/mixed; boundary=b\n",
        f"--b\n\nWill do.\n--b\nContent-Type: message/rfc822\n\n{FROM_ANA}\n{ORDERS}\n--b--\n",
    ),
    "with a full-width sign": (REFERS, "\uff03status closed\n"),
    "with a hidden character before the sign": (REFERS, "\u200b#status closed\n"),
    "behind an escape": (REFERS, "\\#status closed\n"),
    "indented": (REFERS, " > #status closed\n"),
}


@pytest.mark.parametrize(("head", "body"), CARRIED.values(), ids=CARRIED.keys())
def test_what_a_customer_wrote_is_no_command_of_the_agent_who_answers(head: str, body: str, world: World) -> None:
    before = everything(world)
    (reply,) = world.submit(mail(FROM_ANA + head, body=body, mail_from="ana@agents.example"))
    assert "SUP-1 commented" in reply
    assert_nothing_was_commanded(before, world)


# Who commands, and may not.
FORGED: dict[str, tuple[str, AuthVerdict, str]] = {
    "a stranger": (FROM_EVE + REFERS, OWN, "created"),
    "who takes part": (FROM_CARA + REFERS, OWN, "commented"),
    "an agent without proof": (FROM_ANA + REFERS, NOTHING, "created"),
    "an agent, disowned": (FROM_ANA + REFERS, DISOWNED, "rejected"),
    "an agent of another project": ("From: olga@agents.example\n" + REFERS, OWN, "created"),
    "a customer with a role": ("From: kate@customer.example\n" + REFERS, OWN, "created"),
    "a stranger who sends for an agent": (FROM_EVE + "Sender: ana@agents.example\n" + REFERS, OWN, "created"),
    "a stranger, to a new issue": (FROM_EVE + "Subject: New\n", OWN, "created"),
}


@pytest.mark.parametrize(("head", "auth", "outcome"), FORGED.values(), ids=FORGED.keys())
def test_nobody_else_commands(head: str, auth: AuthVerdict, outcome: str, world: World) -> None:
    before = everything(world)
    (reply,) = world.submit(mail(head, body=ORDERS + "Thanks.\n", auth=auth))
    assert outcome in (reply if reply.startswith("250 ") else "rejected")
    assert_nothing_was_commanded(before, world)


def test_and_the_agent_does(world: World) -> None:
    world.submit(mail(FROM_ANA + REFERS, body="#status closed\n#tag seen\n\nDone.\n", mail_from="ana@agents.example"))
    (issue, _) = world.rows(Issue)
    assert (issue.status, issue.tags) == ("closed", ["seen"])
    assert "Done." in [comment.body_text for comment in world.rows(Comment)]
