"""What keeps a database or an installation from being used, until an admin has done something about it. Nothing else
imported.
"""


class NotReadyError(Exception):
    """Something that the admin must do first; the message says what."""


class UnknownRevisionError(Exception):
    """The database has a schema that this smtpintake doesn't know: it was written by a newer one."""
