"""`Reason`: why a mail, or a command, had the outcome it had.

Contract: each token is stable, `noun.what`. The email log stores it, the SMTP reply names it, `docs/smtp-replies.md`
lists it. One refusal in the code has one token, so that an operator who reads it knows the line that decided.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Stable tokens; the value is what the log stores and the reply names."""

    # before DATA
    CONNECT_OVERLOAD = "connect.overload"
    CONNECT_LIMIT = "connect.limit"
    CONNECT_RATE = "connect.rate"
    CONNECT_IDLE = "connect.idle"
    CONNECT_SLOW = "connect.slow"
    CONNECT_PROXY = "connect.proxy"
    CONNECT_DRAINING = "connect.draining"
    COMMAND_LIMIT = "command.limit"
    TLS_REQUIRED = "tls.required"
    TLS_PIPELINED = "tls.pipelined"
    LOGIN_REQUIRED = "login.required"
    LOGIN_FAILED = "login.failed"
    LOGIN_LIMIT = "login.limit"
    LOGIN_SENDER = "login.sender"
    MAIL_SYNTAX = "mail.syntax"
    MAIL_SIZE = "mail.size"
    MAIL_RATE = "mail.rate"
    SENDER_RATE = "sender.rate"
    RCPT_SYNTAX = "rcpt.syntax"
    RCPT_UNKNOWN = "rcpt.unknown"
    RCPT_DOMAIN = "rcpt.domain"
    RCPT_INACTIVE = "rcpt.inactive"
    RCPT_SIZE = "rcpt.size"
    RCPT_LIMIT = "rcpt.limit"
    RCPT_HARVEST = "rcpt.harvest"
    RCPT_GREYLIST = "rcpt.greylist"
    PEER_LISTED = "peer.listed"
    PEER_DEFERRED = "peer.deferred"

    # the octets
    DATA_SIZE = "data.size"
    DATA_NEWLINE = "data.newline"
    DATA_NUL = "data.nul"
    MESSAGE_COMPLEX = "message.complex"
    AUTHOR_MISSING = "author.missing"
    AUTHOR_SEVERAL = "author.several"
    AUTHOR_INVALID = "author.invalid"
    LOOP_RECEIVED = "loop.received"
    LOOP_OWN = "loop.own"

    # policy
    SENDER_UNKNOWN = "sender.unknown"
    SENDER_DENIED = "sender.denied"
    SENDER_DOMAIN = "sender.domain"
    SENDER_IGNORED = "sender.ignored"
    SENDER_RIGHT = "sender.right"
    ORIGIN_AUTOMATIC = "origin.automatic"
    REPORT_UNPROVED = "report.unproved"
    ATTACHMENT_UNWANTED = "attachment.unwanted"
    THREAD_CLOSED = "thread.closed"
    THREAD_UNMATCHED = "thread.unmatched"
    THREAD_RIGHT = "thread.right"
    INTERNAL_RIGHT = "internal.right"
    RULE_REJECT = "rule.reject"
    RULE_DEFER = "rule.defer"
    RULE_HOLD = "rule.hold"
    RULE_DISCARD = "rule.discard"
    SENDER_UNPROVED = "sender.unproved"
    SPF_FAIL = "spf.fail"
    SPF_TEMPERROR = "spf.temperror"
    SPF_PERMERROR = "spf.permerror"
    DKIM_NONE = "dkim.none"
    DKIM_WEAK = "dkim.weak"
    DKIM_UNALIGNED = "dkim.unaligned"
    DMARC_MISSING = "dmarc.missing"
    AUTH_DMARC = "auth.dmarc"
    AUTH_UNALIGNED = "auth.unaligned"
    AUTH_TEMPERROR = "auth.temperror"
    SCAN_VIRUS = "scan.virus"
    SCAN_SPAM = "scan.spam"
    SCAN_SUSPECT = "scan.suspect"
    SCAN_LATER = "scan.later"
    SCAN_OVERSIZE = "scan.oversize"

    # accepted
    THREAD_NEW = "thread.new"
    THREAD_KEY = "thread.key"
    THREAD_REFERENCE = "thread.reference"
    THREAD_TOKEN = "thread.token"
    DELIVERY_DUPLICATE = "delivery.duplicate"
    REPORT_BOUNCE = "report.bounce"
    REPORT_COMPLAINT = "report.complaint"

    # what a machine may not write any more, for a while
    BUDGET_ADDRESS = "budget.address"
    BUDGET_THREAD = "budget.thread"
    BUDGET_DOMAIN = "budget.domain"
    BUDGET_TOTAL = "budget.total"

    # what became of held mail
    HELD_DISCARDED = "held.discarded"
    HELD_EXPIRED = "held.expired"

    # ours to mend: always 4yz
    FAULT_INTERNAL = "fault.internal"
    FAULT_STORAGE = "fault.storage"
    FAULT_ANALYSIS = "fault.analysis"
    SCAN_FAILED = "scan.failed"
