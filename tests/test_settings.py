"""Settings: the file, the environment over it, and every fault at once with where it is and what is allowed."""

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from smtpintake.intake.limits import Rate
from smtpintake.intake.options import AuthMode, Options, TlsMode
from smtpintake.mail.envelope import ToldBy
from smtpintake.net.smarthost import Tls
from smtpintake.settings import (
    Endpoint,
    Settings,
    SettingsError,
    SettingsFault,
    UnixSocket,
    load_settings,
    settings_file,
)

SHIPPED = Path(__file__).parents[1] / "conf" / "smtpintake.toml"


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [name for name in os.environ if name.upper().startswith("SMTPINTAKE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "s.toml"
    file.write_text(text)
    return file


def faults(file: Path | None) -> tuple[SettingsFault, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    return caught.value.faults


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = load_settings(None)
    assert [listener.address for listener in settings.smtp.listen] == [Endpoint("127.0.0.1", 2525)]
    assert settings.database.url == "sqlite:///var/smtpintake.db"
    assert settings.blobs.folder == Path("var/blobs")
    assert settings.smtp.announced_name


def test_the_shipped_file_explains_every_key_with_its_default(tmp_path: Path) -> None:
    text = SHIPPED.read_text("utf-8")
    assert load_settings(SHIPPED) == load_settings(None)
    # With every key uncommented it says the same: the comments tell the defaults as they are.
    uncommented = re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert load_settings(written(tmp_path, uncommented)) == load_settings(None)
    keys = {(section, key) for section, table in tomllib.loads(uncommented).items() for key in table}
    assert keys == {
        (section, field.alias or name)
        for section, table in Settings.model_fields.items()
        for name, field in table.annotation.model_fields.items()
    }


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, '[smtp]\nlisten = ["0.0.0.0:25"]\nhostname = "mx.example.org"\n[smarthost]\nport = 587\n')
    monkeypatch.setenv("SMTPINTAKE_SMTP__LISTEN", "127.0.0.1:2600, [::1]:2600")
    monkeypatch.setenv("SMTPINTAKE_SMARTHOST__TLS", "required")
    monkeypatch.setenv("smtpintake_smtp__max_message_size", "25 MB")
    settings = load_settings(file)
    assert [str(listener.address) for listener in settings.smtp.listen] == ["127.0.0.1:2600", "[::1]:2600"]
    assert settings.smtp.hostname == "mx.example.org"
    assert (settings.smarthost.port, settings.smarthost.policy) == (587, Tls.REQUIRED)
    assert settings.smtp.max_message_size == 25_000_000


def test_every_fault_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(
        tmp_path,
        '[smtp]\nlistn = ["a:1"]\nidle_timeout = -3\n[smarthost]\ntls = "ssl"\nusername = "u"\n[sntp]\na = 1\n',
    )
    monkeypatch.setenv("SMTPINTAKE_SMTP__ANALYSERS", "many")
    monkeypatch.setenv("SMTPINTAKE_STMP__LISTEN", "x")
    found = {(Path(fault.source).name, fault.key): fault.what for fault in faults(file)}
    assert found.keys() == {
        ("s.toml", "smtp.listn"),
        ("s.toml", "smtp.idle_timeout"),
        ("s.toml", "smarthost.tls"),
        ("s.toml", "smarthost.password"),
        ("s.toml", "sntp"),
        ("environment", "SMTPINTAKE_SMTP__ANALYSERS"),
        ("environment", "SMTPINTAKE_STMP__LISTEN"),
    }
    assert "did you mean 'listen'? allowed are accounts, analysers, " in found["s.toml", "smtp.listn"]
    assert "did you mean 'smtp'?" in found["s.toml", "sntp"]
    assert "'none', 'opportunistic', 'required' or 'verified'" in found["s.toml", "smarthost.tls"]
    assert "SMTP, LMTP, DATABASE" in found["environment", "SMTPINTAKE_STMP__LISTEN"]


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[smtp]\nlisten = ["25"]', "smtp.listen[0]", "not HOST:PORT"),
        ('[smtp]\nlisten = ["h:70000"]', "smtp.listen[0]", "not HOST:PORT"),
        ('[smtp]\nlisten = ["::1:25"]', "smtp.listen[0]", "not HOST:PORT"),
        ("[smtp]\nlisten = []", "smtp.listen", "at least 1 item"),
        ('[smtp]\nhostname = "mx example"', "smtp.hostname", "host name such as"),
        ('[smtp]\nhostname = "mx\\r\\n250 ok"', "smtp.hostname", "host name such as"),
        ("[smtp]\nmax_message_size = 10", "smtp.max_message_size", "greater than or equal to 65536"),
        ('[smtp]\nmax_message_size = "big"', "smtp.max_message_size", "could not parse"),
        ("[dns]\nnameservers = ['192.0.2.1', 'dns.example']", "dns.nameservers[1]", "is no IP address"),
        ("[dns]\ntimeout = 0", "dns.timeout", "greater than 0"),
        ("[retention]\nheld_days = 0", "retention.held_days", "greater than or equal to 1"),
        ("[retention]\nlog_days = 3", "retention.log_days", "0 or at least 7"),
        ("[budget]\nper_address = -1", "budget.per_address", "greater than or equal to 0"),
        ("[budget]\npause = '2d'", "budget.pause", "less than or equal to"),
        ("[smtp]\nmax_recipients = 10", "smtp.max_recipients", "greater than or equal to 100"),
        ('[database]\nurl = "mysql://h/d"', "database.url", "sqlite:/// or postgresql://"),
        ('[database]\nurl = "nonsense"', "database.url", "must be a URL"),
        ('[blobs]\nurl = "s3://Bucket?"', "blobs.url", "or s3://BUCKET/PREFIX"),
        ('[blobs]\nurl = "file:"', "blobs.url", "must be file: and a folder"),
        ('[smarthost]\ntls = "opportunistic"\nusername = "u"\npassword = "p"', "smarthost.password", "in the clear"),
        ('[smarthost]\ntls = "none"\nimplicit_tls = true', "smarthost.implicit_tls", "needs tls = 'required'"),
        ("[smarthost]\nper_domain = 0", "smarthost.per_domain", "1"),
        ("[[smarthost.fallbacks]]\nport = 25", "smarthost.fallbacks", "each needs a host"),
        ('[[smarthost.fallbacks]]\nhost = "b"\nconnections = 3', "smarthost.fallbacks[0].connections", "allowed are"),
        ('[smarthost]\npassword = "hunter2"', "smarthost.password", "go together"),
        ('[web]\npublic_url = "tracker.example.org"', "web.public_url", "http:// or https://"),
        ('[log]\nlevel = "loud"', "log.level", "'debug', 'info', 'warning' or 'error'"),
        ('smtp = "x"', "smtp", "belongs into a section"),
        ("listen = 1", "listen", "belongs into a section"),
        ("[smtp", "", "is not TOML"),
    ],
)
def test_a_wrong_value_says_what_is_allowed(tmp_path: Path, text: str, key: str, what: str) -> None:
    (fault,) = faults(written(tmp_path, text))
    assert fault.key == key
    assert what in fault.what
    assert "hunter2" not in str(fault)


def test_trusted_relays_are_asked_by_address(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[[smtp.trusted_relays]]\nnetworks = ["10.0.0.0/8", "2001:db8::/32"]\nclient = "received"\n'
        '[[smtp.trusted_relays]]\nnetworks = ["10.1.2.3"]\nclient = "proxy"\n',
    )
    relays = load_settings(file).smtp.relays
    assert [relays.told_by(ip) for ip in ("10.1.2.4", "10.1.2.3", "2001:db8::1", "192.0.2.1")] == [
        ToldBy.RECEIVED,
        ToldBy.PROXY,
        ToldBy.RECEIVED,
        None,
    ]


def test_every_fault_of_trusted_relays_is_found_at_once(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[[smtp.trusted_relays]]\nnetworks = ["10.1.2.3/8", "::/0", "mail.example", "10.0.0.256"]\nclient = "prox"\n'
        '[[smtp.trusted_relays]]\nnetworks = []\nclient = "none"\n'
        '[[smtp.trusted_relays]]\nnetwork = ["10.0.0.0/8"]\n',
    )
    found = {fault.key.removeprefix("smtp.trusted_relays"): fault.what for fault in faults(file)}
    assert found.keys() == {
        *("[0].networks[0]", "[0].networks[1]", "[0].networks[2]", "[0].networks[3]", "[0].client"),
        *("[1].networks", "[2].networks", "[2].network", "[2].client"),
    }
    assert "write '10.0.0.0/8'" in found["[0].networks[0]"]
    assert "trust everybody" in found["[0].networks[1]"]
    assert "'proxy', 'xclient', 'received' or 'none'" in found["[0].client"]


def test_a_network_has_one_way_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(
        tmp_path,
        '[[smtp.trusted_relays]]\nnetworks = ["10.0.0.1", "10.0.0.2"]\nclient = "none"\n'
        '[[smtp.trusted_relays]]\nnetworks = ["10.0.0.1/32", "10.0.0.0/8"]\nclient = "proxy"\n',
    )
    (fault,) = faults(file)
    assert (fault.key, fault.what) == ("smtp.trusted_relays", "each network may be named once: 10.0.0.1/32")
    monkeypatch.setenv("SMTPINTAKE_SMTP__TRUSTED_RELAYS", "10.0.0.0/8")
    assert "write it into the settings file" in str(faults(None)[0])


def test_a_section_in_one_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPINTAKE_SMTP", "x")
    assert "write SMTPINTAKE_SMTP__KEY" in str(faults(None)[0])


def test_a_variable_of_an_orchestrator_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    # Kubernetes gives every pod such variables for a service called "smtpintake".
    monkeypatch.setenv("SMTPINTAKE_PORT", "tcp://10.0.0.1:25")
    monkeypatch.setenv("SMTPINTAKE_SERVICE_HOST", "10.0.0.1")
    load_settings(None)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '[database]\nurl = "postgresql://u:hunter2@h/d"\n[smarthost]\nusername = "u"\npassword = "hunter2"\n',
    )
    settings = load_settings(file)
    assert settings.database.url == "postgresql+psycopg://u:hunter2@h/d"
    assert settings.smarthost.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings)


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_file(None) is None
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "smtpintake.toml").touch()
    assert settings_file(None) == Path("conf/smtpintake.toml")
    monkeypatch.setenv("SMTPINTAKE_CONFIG", "other.toml")
    assert settings_file(None) == Path("other.toml")
    assert settings_file(Path("given.toml")) == Path("given.toml")
    assert "cannot be read: No such file" in str(faults(Path("given.toml"))[0])


CERTIFICATE = '[smtp]\ntls_certificate = "c.pem"\ntls_key = "k.pem"\n'
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGg"
ACCOUNT = (
    f'accounts = [{{ username = "scanner", password_hash = "{HASH}", senders = ["Scan@Example.org", "@x.org"] }}]\n'
)


def test_a_listener_is_an_address_or_a_table(tmp_path: Path) -> None:
    tables = '{ address = "[::]:465", tls = "implicit", auth = "required" }, { address = "b:26", tls = "off" }'
    text = f'listen = ["a:25", {tables}]'
    smtp = load_settings(written(tmp_path, CERTIFICATE + ACCOUNT + text)).smtp
    assert [(str(listener.address), listener.options) for listener in smtp.listen] == [
        ("a:25", Options(TlsMode.STARTTLS)),
        ("[::]:465", Options(TlsMode.IMPLICIT, auth=AuthMode.REQUIRED)),
        ("b:26", Options(TlsMode.OFF)),
    ]
    assert smtp.accounts[0].senders == ("scan@example.org", "@x.org")
    assert HASH not in repr(smtp)
    assert load_settings(written(tmp_path, CERTIFICATE)).smtp.listen[0].options.tls is TlsMode.STARTTLS


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[smtp]\nlisten = ["a:1", { address = "a:2", tls = "starttls" }]', "smtp.listen[1]", "needs tls_certificate"),
        (
            '[smtp]\nlisten = [{ address = "a:2", tls = "ssl" }]',
            "smtp.listen[0].tls",
            "'off', 'starttls' or 'implicit'",
        ),
        ('[smtp]\nlisten = [{ address = "a:2", tsl = "off" }]', "smtp.listen[0].tsl", "did you mean 'tls'?"),
        ('[smtp]\nlisten = [{ address = "a" }]', "smtp.listen[0].address", "not HOST:PORT"),
        ('[smtp]\nlisten = [{ tls = "off" }]', "smtp.listen[0].address", "Field required"),
        ('[smtp]\nlisten = [{ address = "a:2", require_tls = true }]', "smtp.listen[0]", "need tls = 'starttls'"),
        (
            CERTIFICATE + 'listen = [{ address = "a:2", auth = "required" }]',
            "smtp.listen[0]",
            "needs [[smtp.accounts]]",
        ),
        (
            CERTIFICATE + ACCOUNT + 'listen = [{ address = "a:2", auth = "required", tls = "off" }]',
            "smtp.listen[0]",
            "need tls",
        ),
        ('[smtp]\ntls_key = "k.pem"', "smtp.tls_key", "go together"),
        ('[smtp]\ntls_certificate = "k.pem"', "smtp.tls_key", "go together"),
        ("[smtp]\n" + ACCOUNT.replace("argon2id", "argon2i"), "smtp.accounts[0].password_hash", "hash-password"),
        ("[smtp]\n" + ACCOUNT.replace(HASH, "hunter2"), "smtp.accounts[0].password_hash", "hash-password"),
        ("[smtp]\n" + ACCOUNT.replace("Scan@", "Scan"), "smtp.accounts[0].senders[0]", "not an address"),
        ("[smtp]\n" + ACCOUNT.replace("scanner", ""), "smtp.accounts[0].username", "pattern"),
    ],
)
def test_a_listener_wants_what_is_possible(tmp_path: Path, text: str, key: str, what: str) -> None:
    found = {fault.key: fault.what for fault in faults(written(tmp_path, text))}
    assert what in found[key]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[lmtp]\nlisten = ["127.0.0.1:25"]', "lmtp.listen[0]", "never listens on port 25"),
        ('[lmtp]\nlisten = ["a:24", "unix:"]', "lmtp.listen[1]", "must be unix: and a path"),
        ('[lmtp]\nlisten = ["unix:/' + "x" * 107 + '"]', "lmtp.listen[0]", "at most 107"),
        ('[lmtp]\nlisten = ["/run/lmtp"]', "lmtp.listen[0]", "not HOST:PORT"),
        ('[lmtp]\nsocket_mode = "rw"', "lmtp.socket_mode", "pattern"),
        ('[smtp]\nworkers = 2\n[lmtp]\nlisten = ["unix:/run/lmtp"]', "lmtp", "cannot share a Unix socket"),
    ],
)
def test_lmtp_listens_where_it_may(tmp_path: Path, text: str, key: str, what: str) -> None:
    (fault,) = faults(written(tmp_path, text))
    assert fault.key == key
    assert what in fault.what


def test_lmtp_is_also_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPINTAKE_LMTP__LISTEN", "127.0.0.1:24, unix:/run/smtpintake/lmtp")
    assert [str(where) for where in load_settings(None).lmtp.listen] == ["127.0.0.1:24", "unix:/run/smtpintake/lmtp"]


def test_an_account_has_one_password(tmp_path: Path) -> None:
    (fault,) = faults(written(tmp_path, "[smtp]\n" + ACCOUNT.replace("}]", "}, " + ACCOUNT[12:])))
    assert (fault.key, "'scanner'" in fault.what) == ("smtp.accounts", True)


@pytest.mark.parametrize("text", ["0.0.0.0:25", "[::]:25", "mx.example.org:2525"])
def test_an_endpoint_is_written_as_it_is_read(text: str) -> None:
    assert str(Endpoint.parse(text)) == text


def test_guards(tmp_path: Path) -> None:
    text = (
        '[limits]\nconnections_per_peer = "5/10 minutes"\nmails_per_peer = ""\nexempt = ["192.0.2.0/24"]\n'
        '[dnsbl]\nzones = ["zen.example.", { zone = "b.example", codes = ["127.0.0.2/31"], action = "mark" }]\n'
        '[greylist]\nenabled = true\ndelay = "2m"\nwindow = 7200\nremember = "7d"\n'
    )
    settings = load_settings(written(tmp_path, text))
    assert settings.limits.connections_per_peer == Rate(5, 600)
    assert settings.limits.mails_per_peer is None
    assert settings.limits.mails_per_sender == Rate(300, 60)
    assert [(zone.zone, zone.action) for zone in settings.dnsbl.zones] == [
        ("zen.example", "reject"),
        ("b.example", "mark"),
    ]
    assert settings.greylist.delay == timedelta(minutes=2)
    assert settings.greylist.window == timedelta(hours=2)
    assert settings.greylist.remember == timedelta(days=7)


def test_guards_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTPINTAKE_DNSBL__ZONES", "a.example, b.example")
    monkeypatch.setenv("SMTPINTAKE_LIMITS__MAILS_PER_PEER", "7/hour")
    monkeypatch.setenv("SMTPINTAKE_LIMITS__EXEMPT", "")
    monkeypatch.setenv("SMTPINTAKE_GREYLIST__ENABLED", "true")
    settings = load_settings(None)
    assert [zone.zone for zone in settings.dnsbl.zones] == ["a.example", "b.example"]
    assert settings.limits.mails_per_peer == Rate(7, 3600)
    assert settings.limits.exempt == ()
    assert settings.greylist.enabled


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ('[limits]\nmails_per_peer = "many"', "limits.mails_per_peer", "is no rate"),
        ("[limits]\nmails_per_peer = 60", "limits.mails_per_peer", "is text such as '60/minute'"),
        ('[limits]\nbackend = "memcached://x"', "limits.backend", "redis://"),
        ('[limits]\nexempt = ["0.0.0.0/0"]', "limits.exempt[0]", "everybody"),
        ('[dnsbl]\nzones = [{ zone = "" }]', "dnsbl.zones[0].zone", "name of a block list"),
        ('[dnsbl]\nzones = [{ zone = "a.example", codes = ["10.0.0.1"] }]', "dnsbl.zones[0].codes[0]", "127.0.0.0/8"),
        ('[dnsbl]\nzones = [{ zone = "a.example", action = "ban" }]', "dnsbl.zones[0].action", "reject"),
        ('[greylist]\ndelay = "soon"', "greylist.delay", "number of seconds"),
        ('[greylist]\ndelay = "1h"\nwindow = "1h"', "greylist.window", "longer than delay"),
        ("[greylist]\ndelay = 0", "greylist.delay", "greater than or equal"),
    ],
)
def test_guards_that_cannot_be(tmp_path: Path, text: str, key: str, what: str) -> None:
    (fault,) = faults(written(tmp_path, text))
    assert fault.key == key
    assert what in fault.what


def test_scanners_are_named_by_address_or_url(tmp_path: Path) -> None:
    text = '[scanner]\nclamd = "unix:/run/clamav/clamd.ctl"\nrspamd = "http://127.0.0.1:11333/"\n'
    scanner = load_settings(written(tmp_path, text)).scanner
    assert (scanner.clamd, scanner.rspamd) == (UnixSocket(Path("/run/clamav/clamd.ctl")), "http://127.0.0.1:11333")
    scanner = load_settings(written(tmp_path, '[scanner]\nclamd = "[::1]:3310"\nmax_size = "25 MiB"\n')).scanner
    assert (scanner.clamd, scanner.max_size) == (Endpoint("::1", 3310), 25 << 20)
    assert load_settings(None).scanner.clamd is None


@pytest.mark.parametrize("line", ['clamd = "3310"', 'clamd = "unix:"', 'rspamd = "127.0.0.1:11333"', "deadline = 0"])
def test_a_scanner_that_cannot_be_asked(tmp_path: Path, line: str) -> None:
    (fault,) = faults(written(tmp_path, f"[scanner]\n{line}\n"))
    assert fault.key == f"scanner.{line.split(maxsplit=1)[0]}"


def test_blobs_are_in_a_folder_or_in_a_bucket(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, '[blobs]\nurl = "file:/srv/blobs"')).blobs.folder == Path("/srv/blobs")
    blobs = load_settings(written(tmp_path, '[blobs]\nurl = "s3://mail/of/support"\nspool = "/srv/spool"')).blobs
    assert (blobs.url, blobs.folder) == ("s3://mail/of/support", Path("/srv/spool"))


def test_the_digest_is_off_until_somebody_is_named(tmp_path: Path) -> None:
    assert load_settings(None).digest.to == ()
    text = '[digest]\nto = ["Ops@Example.net"]\nat = "18:30"\ntimezone = "Europe/Berlin"\nfrom = "d@example.org"\n'
    digest = load_settings(written(tmp_path, text)).digest
    assert (digest.to, f"{digest.time:%H:%M}", str(digest.zone)) == (("ops@example.net",), "18:30", "Europe/Berlin")
    assert digest.from_ == "d@example.org"


def test_a_digest_that_cannot_be(tmp_path: Path) -> None:
    text = '[digest]\nto = ["ops"]\nat = "24:00"\ntimezone = "Berlin"\nfrom = "x"\n'
    found = faults(written(tmp_path, text))
    assert sorted(fault.key for fault in found) == ["digest.at", "digest.from", "digest.timezone", "digest.to[0]"]
