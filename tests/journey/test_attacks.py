"""Attacks on identity and on threads.

Each says what its author wants. Whoever it is, they get what a stranger gets: an issue of their own, or nothing. What
is there already stays as it was, nobody hears from us but its author, and the victim's next mail finds its issue.
"""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import update

from smtpintake.auth.results import AuthVerdict
from smtpintake.compose.replyaddress import loop_mark
from smtpintake.decide.policy import read_document
from smtpintake.mail.envelope import Login
from smtpintake.mail.ids import new_id
from smtpintake.store.configure import apply
from smtpintake.store.schema import Comment, Issue, IssueLink, LogRow, Trace
from tests import make
from tests.intake.test_record import SECRET, World
from tests.journey.attacked import (
    CARA,
    DISOWNED,
    EVE,
    FIRST,
    FROM_ANA,
    FROM_CARA,
    FROM_EVE,
    NOTHING,
    OWN,
    POLICY,
    QUARANTINED,
    Scene,
    assert_no_more_than_a_stranger,
    assert_the_victim_is_served,
    everything,
    mail,
    outcomes,
)

# ---- the attacks ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attack:
    """`head` and `to` may name what `filled` knows. `author` is who the issue is of where one is made; `mentions` says
    whether it links to the victim's; `answered`, whether its author hears from us.
    """

    wants: str
    head: str | bytes
    outcome: str = "created"
    reason: str = "thread.new"
    author: str = EVE
    proof: str = "aligned"
    auth: AuthVerdict = OWN
    to: str = "support@example.org"
    mail_from: str | None = EVE
    body: str | bytes = "Give me money.\n"
    mentions: bool = False
    answered: bool = True
    login: Login | None = None


def refused(wants: str, head: str | bytes, reason: str, **values: Any) -> Attack:
    return Attack(wants, head, "rejected", reason, **values)


def forged(wants: str, head: str, **values: Any) -> Attack:
    """A mail in whose From stands `author`, of a domain that publishes nothing."""
    return Attack(wants, head, **{"auth": NOTHING, "proof": "none", "answered": False, **values})


SUBJECT = "Subject: Re: [SUP-1] Printer\n"
REFERS = f"In-Reply-To: <{FIRST}>\nReferences: <{FIRST}>\n"
ALL_THREADS = SUBJECT + REFERS

IDENTITY = {
    # -- more than one From: one reader believes the first, another the last
    "two From fields": refused("DMARC of one, rights of the other", FROM_EVE + FROM_CARA + REFERS, "author.several"),
    "two From fields, the other order": refused("the same", FROM_CARA + FROM_EVE + REFERS, "author.several"),
    "a second From in capitals": refused("the same", FROM_EVE + f"FROM: {CARA}\n" + REFERS, "author.several"),
    "a second From with a space before its colon": refused(
        "a field that one reader skips", FROM_EVE + f"From : {CARA}\n" + REFERS, "author.several"
    ),
    "two addresses in one From": refused("the same", f"From: {EVE}, {CARA}\n" + REFERS, "author.several"),
    "two addresses, folded": refused("the same", f"From: {EVE},\n {CARA}\n" + REFERS, "author.several"),
    "two addresses without a comma": refused("the same", f"From: {CARA} <{EVE}>x\n" + REFERS, "author.invalid"),
    "two addresses in angle brackets": refused("the same", f"From: <{CARA}> <{EVE}>\n" + REFERS, "author.invalid"),
    # -- From that reads in two ways
    "an address as a bare display name": refused(
        "to be read as Cara", f"From: {CARA} <{EVE}>\n" + REFERS, "author.invalid"
    ),
    "an address as a quoted display name": Attack(
        "to be shown as the boss", f'From: "ceo@bank.example" <{EVE}>\n' + REFERS, mentions=True
    ),
    "an address and brackets in a quoted display name": Attack(
        "to be read as Cara", f'From: "Cara <{CARA}>" <{EVE}>\n' + REFERS, mentions=True
    ),
    "an encoded-word that holds an address": refused(
        "to be read as Cara after decoding", f"From: =?utf-8?q?Cara_=3C{CARA}=3E?= <{EVE}>\n" + REFERS, "author.invalid"
    ),
    "an encoded-word that ends the bracket": refused(
        "to be read as Cara after decoding", f"From: =?utf-8?q?{CARA}=3E=2C?= <{EVE}>\n" + REFERS, "author.invalid"
    ),
    "an encoded-word that holds an @": Attack(
        "to be read as Cara after decoding",
        f"From: =?utf-8?q?cara=40customer=2Eexample?= <{EVE}>\n" + REFERS,
        mentions=True,
    ),
    "nothing but an encoded-word": refused(
        "to be read as Cara after decoding", "From: =?utf-8?q?cara=40customer=2Eexample?=\n" + REFERS, "author.invalid"
    ),
    "an encoded-word as local part": Attack(
        "to be read as Cara after decoding",
        "From: <=?utf-8?q?cara?=@customer.example>\n" + REFERS,
        mentions=True,
        author="=?utf-8?q?cara?=@customer.example",
    ),
    "an address in a comment": Attack(
        "to be read as Cara by who takes comments for text", f"From: {EVE} ({CARA})\n" + REFERS, mentions=True
    ),
    "a comment that looks like a domain": refused(
        "that DMARC is asked of evil.example, and the rights are Cara's",
        f"From: {CARA}(@evil.example)\n" + REFERS,
        "auth.dmarc",
        auth=DISOWNED,
    ),
    "group syntax": refused(
        "to be one of several authors", f"From: Friends: {CARA}, {EVE};\n" + REFERS, "author.several"
    ),
    "a group without members": refused(
        "an author whom nobody can refuse", "From: nobody:;\n" + REFERS, "author.invalid"
    ),
    "a source route": refused(
        "to be read as Cara who writes by evil.example", f"From: <@evil.example:{CARA}>\n" + REFERS, "author.invalid"
    ),
    "two at signs": refused(
        "to be read as Cara by who cuts at the first", f"From: {CARA}@evil.example\n" + REFERS, "author.invalid"
    ),
    "an address as a quoted local part": Attack(
        "to be read as Cara by who cuts at the first @",
        f'From: "{CARA}"@evil.example\n' + REFERS,
        author=f'"{CARA}"@evil.example',
        mentions=True,
        answered=True,
    ),
    "the percent hack": Attack(
        "to be relayed as Cara",
        "From: cara%customer.example@evil.example\n" + REFERS,
        mentions=True,
        author="cara%customer.example@evil.example",
    ),
    "a NUL in From": refused(
        "to be read as Cara by who stops there", b"From: " + CARA.encode() + b"\0@evil.example\n", "data.nul"
    ),
    "no From at all": refused(
        "that Sender is believed instead", f"Sender: {CARA}\nReply-To: {CARA}\n" + REFERS, "author.missing"
    ),
    "an empty From": refused("that Sender is believed instead", f"From:\nSender: {CARA}\n" + REFERS, "author.invalid"),
    "From of spaces": refused("the same", f"From:  <>\nSender: {CARA}\n" + REFERS, "author.invalid"),
    "From after the header has ended": refused(
        "that a reader of the body believes it", "Subject: x\n\n" + FROM_CARA + REFERS, "author.missing"
    ),
    "a display name of 60,000 octets": refused(
        "to overflow something", f"From: {'Cara ' * 12_000}<{EVE}>\n", "message.complex"
    ),
    "a display name of 1,500 octets": Attack("to push the address out of sight", f"From: {'Cara ' * 300}<{EVE}>\n"),
    "a display name with directional marks": refused(
        "to be shown backwards", "From: \u202emoc.knab\u2066@oec\u202c <eve@evil.example>\n", "author.invalid"
    ),
    "a display name with encoded directional marks": Attack(
        "to be shown backwards", "From: =?utf-8?q?=E2=80=AEmoc.knab=E2=81=A6=40oec?= <eve@evil.example>\n"
    ),
    "a line break in the display name": Attack(
        "to add a field to our answer", f"From: =?utf-8?q?Eve=0D=0ABcc=3A_dora=40customer=2Eexample?= <{EVE}>\n"
    ),
    # -- somebody who looks like Cara
    "a homograph in the local part": Attack(
        "to be taken for Cara",
        "From: c\u0430ra@customer.example\n" + REFERS,
        mentions=True,
        author="c\u0430ra@customer.example",
    ),
    "a homograph of the domain": Attack(
        "to be taken for Cara",
        "From: cara@\u0441ustomer.example\n" + REFERS,
        mentions=True,
        author="cara@xn--ustomer-xjg.example",
    ),
    "the homograph as an A-label": Attack(
        "to be taken for Cara",
        "From: cara@xn--ustomer-xjg.example\n" + REFERS,
        mentions=True,
        author="cara@xn--ustomer-xjg.example",
    ),
    "the Kelvin sign": Attack(
        "to be Kate, as its lower case is a k",
        "From: \u212aate@customer.example\n" + SUBJECT,
        mentions=True,
        author="\u212aate@customer.example",
        to="support@example.org",
    ),
    "the Kelvin sign at a closed door": refused(
        "to be let in as Kate", "From: \u212aate@customer.example\n", "sender.unknown", to="closed@example.org"
    ),
    "a zero-width space": refused(
        "to look like Cara and be somebody else", "From: ca\u200bra@customer.example\n" + REFERS, "author.invalid"
    ),
    "a trailing dot": refused(
        "to be Cara and pass a list", "From: cara@customer.example.\n" + REFERS, "author.invalid"
    ),
    "an address literal": Attack(
        "to be Cara of that host", "From: cara@[192.0.2.1]\n" + REFERS, author="cara@[192.0.2.1]", mentions=True
    ),
    "a subdomain": Attack(
        "to be Cara", "From: cara@mail.customer.example\n" + REFERS, author="cara@mail.customer.example", mentions=True
    ),
    "a subaddress": Attack(
        "to be Cara", "From: cara+eve@customer.example\n" + REFERS, author="cara+eve@customer.example", mentions=True
    ),
    # -- past the lists
    "who is denied, in capitals": refused(
        "to pass the list", "From: BOB@SPAM.EXAMPLE\n", "sender.denied", author="bob@spam.example"
    ),
    "who is denied, in quotes": refused(
        "to pass the list with another way to write it", 'From: "bob"@spam.example\n', "sender.denied"
    ),
    "who is denied, in quotes with a backslash": refused("the same", 'From: "b\\ob"@spam.example\n', "sender.denied"),
    "who is denied, with a full-width domain": refused(
        "the same", "From: bob@\uff53\uff50\uff41\uff4d.example\n", "sender.denied"
    ),
    "an allowed domain without its proof": refused(
        "to pass the list with a forged From", FROM_CARA, "sender.unproved", auth=NOTHING, to="partners@example.org"
    ),
    "an allowed domain in a quoted local part": refused(
        "to pass the list", 'From: "cara@customer.example"@evil.example\n', "sender.domain", to="partners@example.org"
    ),
    "who was deactivated": refused(
        "the rights that they had", "From: gone@agents.example\n" + ALL_THREADS, "sender.denied"
    ),
    # -- fields that are not From
    "Sender": Attack("to be Cara, who sends", FROM_EVE + f"Sender: {CARA}\n" + REFERS, mentions=True),
    "Reply-To": Attack("that we write to Cara, or take her for the author", FROM_EVE + f"Reply-To: {CARA}\n"),
    "Resent-From": Attack("to be Cara, who resends", f"Resent-From: {CARA}\n" + FROM_EVE + REFERS, mentions=True),
    "X-Original-From": Attack(
        "to be Cara behind a list",
        FROM_EVE + f"X-Original-From: {CARA}\nX-Original-Sender: {CARA}\n" + REFERS,
        mentions=True,
    ),
    "Return-Path": Attack("to be Cara, who gets the bounces", f"Return-Path: <{CARA}>\n" + FROM_EVE),
    "the reverse-path": Attack("to be Cara, who is in the envelope", FROM_EVE + REFERS, mail_from=CARA, mentions=True),
    "List-Id": Attack(
        "to be Cara behind a list",
        FROM_EVE + f"List-Id: <x.customer.example>\nList-Post: <mailto:{CARA}>\n" + REFERS,
        mentions=True,
        answered=False,
    ),
    "commands to other trackers": Attack(
        "a field that some tracker obeys",
        FROM_EVE + "X-Priority: 1\nX-Assignee: ana@agents.example\nX-OTRS-Priority: 5\nX-Redmine-Project: OPS\n"
        "X-GitHub-Recipient: cara\nX-Smtpintake-Status: closed\n",
    ),
}

FORGERY = {
    "the victim, disowned by her domain": refused(
        "to write as Cara", FROM_CARA + ALL_THREADS, "auth.dmarc", auth=DISOWNED
    ),
    "the victim, whose domain asks for quarantine": Attack(
        "to write as Cara", FROM_CARA + ALL_THREADS, "held", "auth.dmarc", auth=QUARANTINED
    ),
    "the victim, disowned, where DMARC is not obeyed": forged(
        "to write as Cara",
        FROM_CARA + ALL_THREADS,
        to="lax@example.org",
        auth=DISOWNED,
        proof="failed",
        author=CARA,
        mentions=True,
    ),
    "the victim, disowned, with her reply key": refused(
        "to write as Cara with the address from a mail that leaked",
        FROM_CARA + ALL_THREADS,
        "auth.dmarc",
        to="support+{key}@example.org",
        auth=DISOWNED,
    ),
    "an agent without proof": forged(
        "an agent's right to all issues", FROM_ANA + ALL_THREADS, author="ana@agents.example", mentions=True
    ),
    "an agent, disowned": refused("the same", FROM_ANA + ALL_THREADS, "auth.dmarc", auth=DISOWNED),
    "an agent by another's login": forged(
        "an agent's right by an account that may not use it",
        FROM_ANA + ALL_THREADS,
        author="ana@agents.example",
        mentions=True,
        login=Login("printer", ("printer@agents.example",)),
    ),
    "an agent of another project": Attack(
        "to write where she has no role",
        "From: Olga <olga@agents.example>\n" + ALL_THREADS,
        mentions=True,
        author="olga@agents.example",
    ),
    "a customer with a role": Attack(
        "that any role is a right to all issues",
        "From: Kate <kate@customer.example>\n" + ALL_THREADS,
        mentions=True,
        author="kate@customer.example",
    ),
    "Authentication-Results of our own name": forged(
        "that we believe our own verdict",
        "Authentication-Results: mx.example.org; spf=pass; dkim=pass\n"
        " header.d=agents.example; dmarc=pass header.from=agents.example\n" + FROM_ANA + ALL_THREADS,
        author="ana@agents.example",
        mentions=True,
    ),
    "Received-SPF": forged(
        "that we believe somebody's verdict",
        "Received-SPF: pass (mx.example.org: domain of ana@agents.example)\n" + FROM_ANA + ALL_THREADS,
        author="ana@agents.example",
        mentions=True,
    ),
    "one of our addresses": Attack(
        "that we answer ourselves, or trust ourselves", "From: support@example.org\n" + ALL_THREADS, "held", "loop.own"
    ),
    "one of our addresses in capitals": Attack(
        "the same", "From: Support@EXAMPLE.org\n" + ALL_THREADS, "held", "loop.own"
    ),
    "one of our reply addresses": Attack(
        "the same", "From: support+{key}@example.org\n" + ALL_THREADS, "held", "loop.own"
    ),
}

THREADS = {
    "a guessed issue key": Attack("to append", FROM_EVE + "Subject: [SUP-1]\n", mentions=True),
    "a guessed issue key in lower case": Attack("to append", FROM_EVE + "Subject: Re: [sup-1]\n", mentions=True),
    "a guessed number of a type": Attack("to append", FROM_EVE + "Subject: [IN:000001]\n", mentions=True),
    "a guessed number": Attack("to append", FROM_EVE + "Subject: Re: #1\n", mentions=True),
    "many guessed numbers": Attack(
        "that one of them fits", FROM_EVE + f"Subject: {' '.join(f'#{n}' for n in range(1, 400))}\n", mentions=True
    ),
    "a guessed key of another project": Attack("to append", FROM_EVE + "Subject: [OPS-1]\n", mentions=True),
    "a token in an encoded-word": Attack("to append", FROM_EVE + "Subject: =?utf-8?b?W1NVUC0xXQ==?=\n", mentions=True),
    "a token of full-width digits": Attack("to append", FROM_EVE + "Subject: [SUP-\uff11]\n"),
    "a number without end": Attack("an overflow", FROM_EVE + f"Subject: [SUP-{'9' * 300}] #{'1' * 300}\n"),
    "a number that is SQL": Attack("a row", FROM_EVE + "Subject: [SUP-1' OR 1=1--] '; DROP TABLE issue;\n"),
    "a known Message-ID": Attack("to append", FROM_EVE + REFERS, mentions=True),
    "a known Message-ID in References only": Attack(
        "to append", FROM_EVE + f"References: <a@b> <{FIRST}> <c@d>\n", mentions=True
    ),
    "a known Message-ID, folded and spaced": Attack(
        "to pass a check that compares exactly", FROM_EVE + "In-Reply-To: <first@\n customer.example>\n", mentions=True
    ),
    "a known Message-ID among 5,000": Attack(
        "work without end",
        FROM_EVE + f"References: {' '.join(f'<{n}@x>' for n in range(5000))} <{FIRST}>\n",
        mentions=True,
    ),
    "the Message-ID of our own answer": Attack("to append", FROM_EVE + "In-Reply-To: <{answer}>\n", mentions=True),
    "a Message-ID of ours, made up": Attack(
        "that its form is enough", FROM_EVE + "In-Reply-To: <SUP-1.autoreply.0.aaaaaaaaaaaaaaaa@example.org>\n"
    ),
    "the victim's Message-ID as one's own": Attack(
        "to own the thread from now on", FROM_EVE + f"Message-ID: <{FIRST}>\n"
    ),
    "the victim's Message-ID, and her in Cc": Attack(
        "that her next mail comes to the attacker's issue", FROM_EVE + f"Message-ID: <{FIRST}>\nCc: {CARA}\n"
    ),
    "the victim's reverse-path, Message-ID and body": forged(
        "to be taken for a second delivery, or that hers is", FROM_EVE + f"Message-ID: <{FIRST}>\n", mail_from=CARA
    ),
    "a Message-ID of 5,000 octets": refused(
        "to overflow the index", FROM_EVE + f"Message-ID: <{'a' * 5000}@x>\n", "message.complex"
    ),
    "a Message-ID of 900 octets": Attack("to overflow the index", FROM_EVE + f"Message-ID: <{'a' * 900}@x>\n"),
    "the victim's reply key": Attack(
        "to append with what another was given", FROM_EVE, to="support+{key}@example.org", mentions=True
    ),
    "the victim's reply key at another inbox": Attack("the same", FROM_EVE, to="ops+{key}@example.org", mentions=True),
    "the victim's reply key at a catch-all": Attack("the same", FROM_EVE, to="x+{key}@else.example", mentions=True),
    "the victim's reply key in capitals": Attack(
        "to pass a check that compares exactly", FROM_EVE, to="SUPPORT+{KEY}@EXAMPLE.ORG", mentions=True
    ),
    "the reply key cut short": Attack("that a part is enough", FROM_EVE, to="support+{short}@example.org"),
    "the reply key made longer": Attack("that its beginning is enough", FROM_EVE, to="support+{key}a@example.org"),
    "a made-up reply key": Attack("to guess one", FROM_EVE, to="support+aaaaaaaaaaaaaaaa@example.org"),
    "a wildcard for a reply key": Attack("that it is a pattern", FROM_EVE, to="support+%@example.org"),
    "the reply key in To and Cc": Attack(
        "that the header leads as the envelope does",
        FROM_EVE
        + "To: support+{key}@example.org\nCc: support+{key}@example.org\nDelivered-To: support+{key}@example.org\n"
        "X-Original-To: support+{key}@example.org\n",
    ),
    "oneself in Cc of a forged reply": Attack(
        "to be told of what is written there",
        FROM_EVE + f"Cc: spy@evil.example\nTo: {CARA}\n" + ALL_THREADS,
        mentions=True,
    ),
    "agents in Cc": Attack(
        "that who is copied vouches", FROM_EVE + f"Cc: ana@agents.example, {CARA}\n" + SUBJECT, mentions=True
    ),
    "a thousand in Cc": Attack(
        "to have us write to many", FROM_EVE + f"Cc: {', '.join(f'v{n}@victim.example' for n in range(900))}\n"
    ),
    "a line break in the subject": Attack(
        "to add a field to our answer", FROM_EVE + "Subject: x =?utf-8?q?=0D=0ABcc=3A_dora=40customer=2Eexample?=\n"
    ),
    "a line break in the Message-ID": Attack(
        "to add a field to our answer", FROM_EVE + "Message-ID: <a\n\tBcc:dora@customer.example>\n"
    ),
    "a subject of 60,000 octets": refused(
        "to overflow the title", FROM_EVE + f"Subject: {'Re: ' * 15_000}\n", "message.complex"
    ),
    "a subject of 900 octets": Attack("to overflow the title", FROM_EVE + f"Subject: {'Re: ' * 225}\n"),
    "an attached mail of an agent": Attack(
        "that what is attached is obeyed",
        FROM_EVE + "Content-Type: message/rfc822\n",
        body=FROM_ANA + ALL_THREADS + "\nClose it.\n",
    ),
    "a second header in a part": Attack(
        "the same",
        FROM_EVE + "Content-Type: multipart/mixed; boundary=b\n",
        body="--b\n" + FROM_ANA + ALL_THREADS + "\nClose it.\n--b--\n",
    ),
}

MACHINES = {
    "a null reverse-path": forged(
        "to write as Cara and be taken for a bounce",
        FROM_EVE + REFERS,
        mail_from=None,
        mentions=True,
        auth=OWN,
        proof="aligned",
    ),
    "a delivery report on the victim's mail": Attack(
        "to append what is never refused",
        FROM_EVE + REFERS + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
        "discarded",
        "report.unproved",
        body="--b\n\nFailed.\n--b--\n",
    ),
    "mailer-daemon": Attack(
        "to append as a machine", "From: MAILER-DAEMON@evil.example\n" + ALL_THREADS, "discarded", "report.unproved"
    ),
    "an absence note": Attack(
        "to append or to reopen as a machine",
        FROM_EVE + REFERS + "Auto-Submitted: auto-replied\n",
        "discarded",
        "origin.automatic",
    ),
    "an alert": Attack(
        "to make issues that nobody is told of", FROM_EVE + "Auto-Submitted: auto-generated\n", answered=False
    ),
    "a human, says the robot": Attack(
        "an answer to a list", FROM_EVE + "Auto-Submitted: no\nPrecedence: bulk\n", answered=False
    ),
    "Auto-Submitted twice": Attack(
        "an answer where one reader sees `no`",
        FROM_EVE + "Auto-Submitted: no\nAuto-Submitted: auto-replied\n",
        answered=False,
    ),
    "List-Unsubscribe": Attack(
        "an answer to a list", FROM_EVE + "List-Unsubscribe: <mailto:x@lists.example>\n", answered=False
    ),
    "no proof of the author": forged(
        "that our answer goes to who is in From",
        "From: dora@customer.example\nSubject: Buy this\n",
        author="dora@customer.example",
    ),
    "another reverse-path of ours": Attack(
        "that we write to ourselves", FROM_EVE, mail_from="support@example.org", answered=False
    ),
    "our loop mark": Attack(
        "to be taken for ourselves", "X-Smtpintake-Loop: {mark}\n" + FROM_EVE + ALL_THREADS, "discarded", "loop.own"
    ),
    "our loop mark, and an agent": Attack(
        "the same", FROM_ANA + ALL_THREADS + "X-Smtpintake-Loop: {mark}\n", "discarded", "loop.own"
    ),
    "a loop mark, made up": Attack("the same", "X-Smtpintake-Loop: yes\n" + FROM_EVE + REFERS, mentions=True),
}

ATTACKS = {**IDENTITY, **FORGERY, **THREADS, **MACHINES}


def test_no_attack_is_listed_under_the_name_of_another() -> None:
    assert len(ATTACKS) == sum(map(len, (IDENTITY, FORGERY, THREADS, MACHINES)))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_it_gains_no_right(attack: Attack, world: World, scene: Scene) -> None:
    before = everything(world)
    world.submit(
        mail(
            filled(attack.head, scene),
            str(filled(attack.to, scene)),
            body=attack.body,
            mail_from=attack.mail_from,
            auth=attack.auth,
            login=attack.login,
        )
    )
    row = world.rows(LogRow)[-1]
    assert (row.outcome, row.reason) == (attack.outcome, attack.reason), world.rows(Trace)[-1].findings
    assert_no_more_than_a_stranger(before, world, attack.author, attack.proof, answered=attack.answered)
    if attack.outcome == "created":
        assert world.count(Issue) == 3
        assert (world.count(IssueLink) > 0) is attack.mentions
    else:
        assert world.count(Issue) == 2
    assert_the_victim_is_served(world)


# ---- attacks that take more than one mail --------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_nobody_has_the_victims_mail_taken_for_a_second_delivery(world: World, together: bool) -> None:
    """Who is sent the same mail knows its reverse-path, Message-ID and body, and may be faster."""
    same = {"mail_from": CARA, "body": "The plan.\n"}
    eves = mail(FROM_EVE + "Message-ID: <new@customer.example>\n", **same, auth=NOTHING)
    caras = mail(FROM_CARA + "Message-ID: <new@customer.example>\n", **same)
    for batch in ((eves, caras),) if together else ((eves,), (caras,)):
        world.submit(*batch)
    assert outcomes(world) == [("created", "thread.new")] * 2
    assert world.rows(Issue)[-1].reporter_address == CARA


def test_a_thread_that_was_claimed_before_does_not_catch_the_victims_mail(world: World) -> None:
    """An id that nobody knows yet leads to whoever names it first; but only those who take part there may append."""
    world.submit(mail(FROM_EVE + "Message-ID: <trap@evil.example>\nReferences: <later@customer.example>\n"))
    world.submit(mail(FROM_CARA + "Message-ID: <later@customer.example>\n", mail_from=CARA))
    head = FROM_CARA + "Message-ID: <again@customer.example>\nIn-Reply-To: <later@customer.example>\n"
    world.submit(mail(head, mail_from=CARA))
    assert outcomes(world) == [("created", "thread.new")] * 2 + [("commented", "thread.reference")]
    assert world.rows(Comment)[-1].issue_id == world.rows(Issue)[-1].id


def test_a_mail_beside_the_victims_own_learns_nothing_of_it(world: World) -> None:
    """In one batch, before the rows are there."""
    caras = mail(FROM_CARA + "Message-ID: <m@customer.example>\n", mail_from=CARA)
    eves = mail(FROM_EVE + "In-Reply-To: <m@customer.example>\nSubject: [SUP-2]\n")
    world.submit(eves, caras, eves)
    assert {row.author for row in world.rows(LogRow) if row.outcome == "commented"} == set()


def test_a_mail_that_was_captured_and_sent_again_says_what_it_said(world: World) -> None:
    """A signature covers no envelope (RFC 6376 s8.6): the copy is Cara's, word for word, and nobody else's."""
    caras = mail(FROM_CARA + REFERS + "Message-ID: <signed@customer.example>\n", mail_from=CARA, body="Pay Ana.\n")
    again = replace(caras, envelope=replace(caras.envelope, transaction_id=new_id(make.NOW)))
    world.submit(caras)
    world.submit(again)
    assert outcomes(world) == [("commented", "thread.reference"), ("duplicate", "delivery.duplicate")]


def test_who_was_in_cc_once_is_no_agent(world: World) -> None:
    """Dora may write to SUP-1, where Cara put her, and to nothing else."""
    dora = "From: dora@customer.example\n"
    world.submit(mail(dora + REFERS, mail_from="dora@customer.example"))
    world.submit(mail(dora + "Subject: [OPS-1]\n", "ops@example.org", mail_from="dora@customer.example"))
    world.submit(mail(dora + REFERS, mail_from="dora@customer.example", auth=DISOWNED, body="More.\n"))
    assert outcomes(world) == [
        ("commented", "thread.reference"),
        ("created", "thread.new"),
        ("rejected", "auth.dmarc"),
    ]


@pytest.mark.parametrize("paired", [False, True], ids=["apart", "with one issue for both"])
def test_two_inboxes_do_not_make_a_right_of_two_refusals(world: World, paired: bool) -> None:
    """Refused here and taken there: what is taken is a stranger's mail, what is refused waits for an operator."""
    if paired:
        pair = {"inboxes": ["support", "closed"], "issues": "one"}
        with world.database.writing() as session:
            apply(session, read_document(POLICY | {"pair": [pair]}), "test", prune=False, now=make.NOW)
    before = everything(world)
    world.submit(mail(FROM_EVE + ALL_THREADS, "closed@example.org", "support@example.org"))
    assert sorted(outcomes(world)) == [("created", "thread.new"), ("held", "sender.unknown")]
    assert_no_more_than_a_stranger(before, world, EVE, "aligned", answered=True)


def test_a_closed_issue_is_neither_opened_nor_told_of(world: World) -> None:
    """Closed since long: what a reply does then, it does for who may reply."""
    with world.database.writing() as session:
        session.execute(update(Issue).where(Issue.key == "SUP-1").values(status="closed"))
    before = everything(world)
    world.submit(mail(FROM_EVE + ALL_THREADS))
    assert outcomes(world) == [("created", "thread.new")]
    assert_no_more_than_a_stranger(before, world, EVE, "aligned", answered=True)


def filled(text: str | bytes, scene: Scene) -> str | bytes:
    if isinstance(text, bytes):
        return text
    values = {
        "{key}": scene.key,
        "{KEY}": scene.key.upper(),
        "{short}": scene.key[:-1],
        "{answer}": scene.answer,
        "{mark}": loop_mark(SECRET),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text
