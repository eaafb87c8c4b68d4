"""The check behind `doctor` of the certificate that the listeners show.

Contract: that of `checks`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from smtpintake.cli.check import Check, Result
from smtpintake.intake.certificate import load
from smtpintake.settings import Settings

_RENEW_BEFORE: Final = timedelta(days=14)


def certificate(settings: Settings) -> Iterator[Check]:
    """Usable, in force, and for the name that clients know us by."""
    section, what = settings.smtp, "certificate"
    if section.tls_certificate is None or section.tls_key is None:
        mend = "set tls_certificate and tls_key in [smtp]; until then mail comes unencrypted"
        yield Check(what, Result.WARNING, "none is configured", mend)
        return
    try:
        load(section.tls_certificate, section.tls_key)
        own = x509.load_pem_x509_certificate(section.tls_certificate.read_bytes())
    except (OSError, ValueError) as error:
        mend = "both files must be readable PEM, the key without a passphrase and that of the certificate"
        yield Check(what, Result.FAIL, f"{section.tls_certificate}, {section.tls_key}: {error}", mend)
        return
    yield _expiry(what, own.not_valid_after_utc, datetime.now(UTC))
    names = _names(own)
    if not _is_for(section.announced_name, names):
        seen = f"it is for {', '.join(names) or 'no name'}, not for {section.announced_name}"
        yield Check(what, Result.WARNING, seen, "get one for the name in your MX record")


def _expiry(what: str, ends: datetime, now: datetime) -> Check:
    seen = f"valid until {ends:%Y-%m-%d %H:%M} UTC"
    if ends <= now:
        return Check(what, Result.FAIL, f"{seen}: it has expired", "renew it; the server takes it over by itself")
    if ends - now < _RENEW_BEFORE:
        return Check(what, Result.WARNING, seen, "renew it; the server takes it over by itself")
    return Check(what, Result.OK, seen)


def _names(own: x509.Certificate) -> list[str]:
    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in names.get_values_for_type(x509.DNSName)]


def _is_for(host: str, names: list[str]) -> bool:
    """RFC 9525 s6.3: a wildcard stands for the whole leftmost label."""
    return host.lower() in names or f"*.{host.lower().partition('.')[2]}" in names
