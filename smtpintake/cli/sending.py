"""The checks behind `doctor` of mail of our own: the keys that sign it, its words, the digest, the smarthosts.

Contract: that of `checks`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from smtpintake.auth.answers import Answer, by_name
from smtpintake.auth.keys import KeyFault
from smtpintake.auth.keys import find as find_key
from smtpintake.cli.check import DEADLINE, Check, Result
from smtpintake.decide.policy import PolicyError
from smtpintake.decide.routing import is_ours
from smtpintake.mail.address import Mailbox
from smtpintake.net.smarthost import Tls
from smtpintake.net.smtpclient import Connection
from smtpintake.outbox.digester import UndeliverableError, digest_sender
from smtpintake.parts.outbox import signing_keys, smarthosts
from smtpintake.settings import Settings
from smtpintake.store.database import Database, is_missing
from smtpintake.store.directory import load_policy
from smtpintake.store.readiness import NotReadyError
from smtpintake.wiring import load_templates, open_resolver


def signing(settings: Settings) -> Iterator[Check]:
    """Each key can be used, and DNS has its public half: a signature that nobody can verify is worth nothing."""
    if not settings.dkim.keys:
        return
    try:
        keys = signing_keys(settings)
    except NotReadyError as error:
        yield Check("dkim", Result.FAIL, str(error), "name a key that 'smtpintake dkim new' made, readable for us")
        return

    async def ask() -> list[Answer]:
        async with open_resolver(settings) as resolver:
            return [await resolver.resolve(key.name, "TXT") for key in keys]

    for key, answer in zip(keys, asyncio.run(ask()), strict=True):
        published = find_key(by_name((answer,)), key.name)
        mend = f"publish at {key.name}: {key.record}"
        if isinstance(published, KeyFault):
            yield Check(f"dkim {key.name}", Result.FAIL, published.detail, mend)
        elif published.public != key.private.public_key():
            yield Check(f"dkim {key.name}", Result.FAIL, "DNS has another key", mend)
        else:
            yield Check(f"dkim {key.name}", Result.OK, f"DNS has our {key.algorithm} key")


def templates(settings: Settings) -> Iterator[Check]:
    """What this installation writes in its own words can be used."""
    folder = settings.templates.folder
    if folder is None:
        return
    faults = load_templates(folder).faults
    mend = "mend it, and look at 'smtpintake preview'; until then the built-in words are sent"
    for fault in faults:
        yield Check("template", Result.FAIL, str(fault), mend)
    if not faults:
        yield Check("templates", Result.OK, f"those in {folder} can be used")


def digest(settings: Settings) -> Iterator[Check]:
    """Operators can be told: there is an address to tell them from, and none of theirs is an inbox."""
    section = settings.digest
    if not section.to or is_missing(settings.database.url):
        return
    try:
        with closing(Database(settings.database.url)) as opened, opened.session() as session:
            policy = load_policy(session)
        sender = digest_sender(policy, section.from_)
    except (DBAPIError, ModuleNotFoundError, OSError, PolicyError):
        return  # told by the check of the database
    except UndeliverableError as error:
        mend = "set from in [digest], or apply a policy with an inbox that has an address"
        yield Check("digest", Result.FAIL, str(error), mend)
        return
    if ours := [each for each in section.to if is_ours(policy, Mailbox.parse(each))]:
        mend = "name addresses of people in to of [digest]"
        yield Check("digest", Result.FAIL, f"an inbox is sent no digest: {', '.join(ours)}", mend)
    else:
        when = f"each day at {section.at}, {section.timezone}"
        yield Check("digest", Result.OK, f"{when}, from {sender.folded} to {', '.join(section.to)}")


def smarthost(settings: Settings) -> Iterator[Check]:
    """Each reached, encrypted and logged in to as when mail is sent, up to the first command that would send."""
    several = smarthosts(settings)
    if not several:
        mend = "set host in [smarthost]; until then our own mail waits, see 'smtpintake outbox list'"
        yield Check("smarthost", Result.WARNING, "none is configured", mend)
    for each in several:
        if each.username and each.tls is Tls.NONE:
            mend = "set tls to verified in [smarthost], or leave it away"
            yield Check("smarthost", Result.WARNING, f"{each}: the password is sent in the clear", mend)
        hurried = replace(each, connect_timeout=DEADLINE, timeout=DEADLINE)
        if fault := asyncio.run(Connection(hurried).reach()):
            mend = "check host, port, tls, implicit_tls and the login in [smarthost], and the firewall"
            yield Check("smarthost", Result.FAIL, fault.note, mend)
        else:
            yield Check("smarthost", Result.OK, f"{each} takes our connection")
