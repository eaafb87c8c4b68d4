"""Fills a database with issues as the intake would have made them, but by the million: straight into SQLite.

Each issue brings its rows in the log, the trace, the raw mails (without octets: they are read by primary key only, and
would only fill the disk), a participant, two thread keys; every tenth a person.
"""

import sqlite3
from pathlib import Path
from typing import Final

_TEXT: Final = "The printer in the second floor does not print. " * 12

# SQL, so that a million rows a table take seconds: `n` runs through the numbers, random keys fall all over an index.
_NUMBERS: Final = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
_ID: Final = "printf('05%014x', n * 3)"
_MOMENT: Final = "strftime('%Y-%m-%d %H:%M:%S.000000', 1700000000 + n, 'unixepoch')"
_AUTHOR: Final = "printf('person%07d@customers.example', n / 10 + 1)"
_MESSAGE_ID: Final = "printf('<%08x.%d@customers.example>', (n * 2654435761) % 4294967296, n)"

_TABLES: Final[dict[str, dict[str, str]]] = {
    "person": {"id": "n", "name": "'Person ' || n", "origin": "'mail'", "active": "1", "created_at": _MOMENT},
    "person_address": {"person_id": "n", "address": "printf('person%07d@customers.example', n)"},
    "raw_mail": {"id": _ID, "received_at": _MOMENT, "size": "5000", "sha256": "lower(hex(randomblob(32)))"},
    "issue": {
        "id": "n",
        "project_id": "1",
        "number": "n",
        "key": "'SUP-' || n",
        "inbox_id": "1",
        "type": "'incident'",
        "title": "'Printer ' || n || ' in the second floor does not print'",
        "status": "'open'",
        "priority": "'normal'",
        "reporter_address": _AUTHOR,
        "reporter_name": "'Person'",
        "language": "'en'",
        "tags": "'[]'",
        "fields": "'{}'",
        "body_text": ":text",
        "hidden_text": "''",
        "quoted": "''",
        "proof": "'none'",
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
        "log_id": _ID,
    },
    "maillog": {
        "id": _ID,
        "transaction_id": _ID,
        "received_at": _MOMENT,
        "listener": "'127.0.0.1:25'",
        "peer_ip": "'192.0.2.25'",
        "helo": "'mail.customers.example'",
        "mail_from": _AUTHOR,
        "rcpt_to": "'support@example.org'",
        "author": _AUTHOR,
        "subject": "'Printer ' || n",
        "message_id": _MESSAGE_ID,
        "size": "5000",
        "dkim": "'[]'",
        "dmarc": "'{}'",
        "outcome": "'created'",
        "reason": "'thread.new'",
        "reply_code": "250",
        "reply_status": "'2.0.0'",
        "reply_text": "'SUP-' || n || ' created'",
        "inbox": "'support'",
        "issue_id": "n",
        "delivery_key": "lower(hex(randomblob(32)))",
        "raw_id": _ID,
        "policy_version": "1",
        "duration_ms": "5",
    },
    "trace": {"log_id": _ID, "findings": """'[{"check":"route","result":"support","detail":""}]'"""},
    "participant": {"issue_id": "n", "address": _AUTHOR, "name": "'Person'", "role": "'reporter'"},
    "thread_key": {"issue_id": "n", "kind": "'message-id'", "value": _MESSAGE_ID},
    "thread_key ": {"issue_id": "n", "kind": "'message-id'", "value": "'<reference.' || n || '@customers.example>'"},
}


def fill(file: Path, issues: int) -> None:
    """Adds `issues` issues to the migrated, otherwise empty database in `file`."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA cache_size = -500000")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    for table, columns in _TABLES.items():
        count = max(1, issues // 10 + 1) if table.startswith("person") else issues
        connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) {_NUMBERS} SELECT {', '.join(columns.values())} FROM numbers",
            {"count": count, "text": _TEXT},
        )
    connection.execute("UPDATE project SET last_number = :count", {"count": issues})
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
