"""Reports on a mail to bob@example.com, as servers write them, and what each is to be read as."""

from tests.mail.letters import mail, multipart

MESSAGE_ID = "SUP-1.autoreply.06fq.abcdefghijklmnop@example.org"
ORIGINAL = f"From: support@example.org\nTo: bob@example.com\nSubject: SUP-1\nMessage-ID: <{MESSAGE_ID}>\n\nThank you.\n"
HEADERS = ORIGINAL.partition("\n\n")[0] + "\n"
DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.example.com>"

PER_MAIL = (
    "Reporting-MTA: dns; mx.example.com\nOriginal-Envelope-Id: QQ314159\nArrival-Date: Sun, 1 Mar 2026 12:00:00 +0000"
)
BOB = (
    "Final-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.1.1\n"
    "Remote-MTA: dns; mx2.example.com\nDiagnostic-Code: smtp; 550 5.1.1 <bob@example.com>:\n Recipient address rejected"
)


def report(
    *groups: str,
    original: str = f"Content-Type: message/rfc822\n\n{ORIGINAL}",
    media_type: str = "message/delivery-status",
    encoding: str = "7bit",
    kind: str = "delivery-status",
) -> bytes:
    """A multipart/report whose part for machines has these groups of fields."""
    machine = f"Content-Type: {media_type}\nContent-Transfer-Encoding: {encoding}\n\n" + "\n\n".join(groups) + "\n"
    raw = multipart("Content-Type: text/plain\n\nIt failed.", machine, original, subtype="report")
    return raw.replace(b"multipart/report;", f"multipart/report; report-type={kind};".encode())


def plain(text: str, *fields: str, author: str = DAEMON) -> bytes:
    return mail(*fields, body=text, author=author)


BELOW = f"\n{ORIGINAL}"

# name: octets, status
PLAIN = {
    "qmail": (
        plain(
            "Hi. This is the qmail-send program at mx.example.com.\n"
            "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
            "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
            "<bob@example.com>:\n192.0.2.25 does not like recipient.\n"
            "Remote host said: 550 5.1.1 unknown user\nGiving up on 192.0.2.25.\n\n"
            f"--- Below this line is a copy of the message.\n\nReturn-Path: <support@example.org>\n{ORIGINAL}",
            "Subject: failure notice",
        ),
        "5.1.1",
    ),
    "qmail, local": (
        plain(
            "Hi. This is the qmail-send program at example.com.\n\n<bob@example.com>:\n"
            "Sorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n" + BELOW,
        ),
        "5.1.1",
    ),
    "Exim 4": (
        plain(
            "This message was created automatically by mail delivery software.\n\n"
            "A message that you sent could not be delivered to one or more of its\nrecipients. "
            "This is a permanent error. The following address(es) failed:\n\n  bob@example.com\n"
            "    host mx2.example.com [192.0.2.25]\n    SMTP error from remote mail server after RCPT TO:"
            "<bob@example.com>:\n    550 5.1.1 <bob@example.com>: Recipient address rejected\n\n"
            "------ This is a copy of the message, including all the headers. ------\n" + BELOW,
            "X-Failed-Recipients: bob@example.com",
        ),
        "5.1.1",
    ),
    "Exim 3, nothing but the field": (
        plain("It failed.\n\n--- Original message ---\n" + BELOW, "X-Failed-Recipients: Bob@Example.COM"),
        "",
    ),
    "Postfix before 2": (
        plain(
            "This is the Postfix program at host mx.example.com.\n\nI'm sorry to have to inform you that the message "
            "returned\nbelow could not be delivered to one or more destinations.\n\n"
            "<bob@example.com>: host mx2.example.com[192.0.2.25] said: 550 <bob@example.com>:\n"
            "    User unknown in local recipient table (in reply to RCPT TO command)\n\n" + BELOW,
            "Subject: Undelivered Mail Returned to Sender",
        ),
        "5.0.0",
    ),
    "Sendmail": (
        plain(
            "The original message was received at Sun, 1 Mar 2026 12:00:00 GMT\nfrom localhost [127.0.0.1]\n\n"
            "   ----- The following addresses had permanent fatal errors -----\n<bob@example.com>\n\n"
            "   ----- Transcript of session follows -----\n... while talking to mx2.example.com.:\n"
            ">>> RCPT To:<bob@example.com>\n<<< 550 5.1.1 <bob@example.com>... User unknown\n"
            "550 5.1.1 <bob@example.com>... User unknown\n\n   ----- Original message follows -----\n" + BELOW,
            "Subject: Returned mail: see transcript for details",
        ),
        "5.1.1",
    ),
    "Exchange 2000": (
        plain(
            "Your message\n\n  To:      bob@example.com\n  Subject: SUP-1\n  Sent:    Sun, 1 Mar 2026 12:00:00\n\n"
            "did not reach the following recipient(s):\n\nbob@example.com on Sun, 1 Mar 2026 12:00:01 -0000\n"
            "    The e-mail account does not exist at the organization this message was\n    sent to.\n"
            f"    <mx.example.com #5.1.1>\n\n> Message-ID: <{MESSAGE_ID}>\n",
            "Subject: Undeliverable: SUP-1",
            author="System Administrator <postmaster@example.com>",
        ),
        "5.1.1",
    ),
    "Domino": (
        plain(
            "Your message\n\n  Subject: SUP-1\n\nwas not delivered to:\n\n  bob@example.com\n\nbecause:\n\n"
            "  User bob (bob@example.com) not listed in Domino Directory\n\n" + BELOW,
            "Subject: DELIVERY FAILURE: User bob not listed in Domino Directory",
            author="Postmaster@example.com",
        ),
        "",
    ),
    "Yahoo": (
        plain(
            "Message from  yahoo.com.\nUnable to deliver message to the following address(es).\n\n<bob@example.com>:\n"
            "This user doesn't have a yahoo.com account (bob@example.com) [-5]\n\n--- Original message follows.\n"
            + BELOW,
            "Subject: Failure Notice",
            author="MAILER-DAEMON@yahoo.com",
        ),
        "",
    ),
    "AOL": (
        plain(
            "The original message was received at Sun, 1 Mar 2026 12:00:00 -0500 (EST)\n\n"
            "   ----- The following addresses had permanent fatal errors -----\n<bob@example.com>\n\n"
            "   ----- Transcript of session follows -----\n... while talking to air-xj01.mail.aol.com.:\n"
            ">>> RCPT To:<bob@example.com>\n<<< 550 MAILBOX NOT FOUND\n550 <bob@example.com>... User unknown\n" + BELOW,
            author="Mail Delivery Subsystem <MAILER-DAEMON@aol.com>",
        ),
        "5.0.0",
    ),
    "Gmail, years ago": (
        plain(
            "Delivery to the following recipient failed permanently:\n\n     bob@example.com\n\n"
            "Technical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected. "
            "The error that the other server returned was: 550 550 5.1.1 no such user (state 14).\n\n"
            "----- Original message -----\n" + BELOW,
            author="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        ),
        "5.1.1",
    ),
    "iPlanet": (
        plain(
            "This report relates to a message you sent with the following header fields:\n\n"
            f"  Message-id: <{MESSAGE_ID}>\n  To: bob@example.com\n\nYour message cannot be delivered to the following "
            "recipients:\n\n  Recipient address: bob@example.com\n  Reason: Illegal host/domain name found (5.1.2)\n",
        ),
        "5.1.2",
    ),
    "in a sentence": (plain("Delivery to bob@example.com. has failed (550).\n" + BELOW), "5.0.0"),
}
