"""The client that a relay wrote into its Received field: read where the relay writes it, never from the claim."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpintake.mail.envelope import Peer
from smtpintake.mail.received import client_of

TLS = "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519)"

TOLD = [
    # Postfix
    (
        (
            "from mx.customer.example (mx.customer.example [192.0.2.1])\r\n\tby relay.example (Postfix) with ESMTP id "
            "4XyZ\r\n\tfor <support@example.org>; Mon,  3 Nov 2025 10:00:00 +0000 (UTC)"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    (
        (
            f"from mx.customer.example (unknown [192.0.2.1])\r\n\t{TLS}\r\n\t(No client certificate requested)\r\n\tby "
            "relay.example (Postfix) with ESMTPS id 4XyZ; Mon, 3 Nov 2025 10:00:00 +0000"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    (
        "from [203.0.113.9] (unknown [IPv6:2001:db8:0::1])\r\n\tby relay.example (Postfix) with ESMTPSA id 4; x",
        ("2001:db8::1", 0, "[203.0.113.9]"),
    ),
    ("from a??[1.2.3.4]? (unknown [192.0.2.1]) by relay.example (Postfix); x", ("192.0.2.1", 0, "a??[1.2.3.4]?")),
    # Sendmail
    (
        (
            "from mx.customer.example (mx.customer.example [192.0.2.1])\r\n\tby relay.example (8.17.1/8.17.1) with "
            "ESMTPS id 5A3A\r\n\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO); x"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    (
        "from customer.example (host-1.isp.example [192.0.2.1] (may be forged)) by relay.example (8.17.1) id 5A; x",
        ("192.0.2.1", 0, "customer.example"),
    ),
    ("from customer.example ([192.0.2.1]) by relay.example (8.17.1/8.17.1); x", ("192.0.2.1", 0, "customer.example")),
    ("from box (IDENT:joe@box.example [192.0.2.1]) by relay.example (8.9.3); x", ("192.0.2.1", 0, "box")),
    ("from box (joe@[IPv6:2001:db8::7]) by relay.example; x", None),  # no form that we know
    # Exim
    (
        (
            "from mx.customer.example ([192.0.2.1])\r\n\tby relay.example with esmtps  (TLS1.3) tls "
            "TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n\t(envelope-from <a@b.example>)\r\n\tid 1q2w3e; x"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    (
        "from mx.customer.example ([192.0.2.1]:51234 helo=box.local)\r\n\tby relay.example with esmtp (Exim 4.96)",
        ("192.0.2.1", 51234, "box.local"),
    ),
    ("from [192.0.2.1] (helo=box.local)\r\n\tby relay.example with esmtp (Exim 4.96)", ("192.0.2.1", 0, "box.local")),
    (
        "from [192.0.2.1] (port=51234 helo=[203.0.113.9])\r\n\tby relay.example with esmtp (Exim 4.92)",
        ("192.0.2.1", 51234, "[203.0.113.9]"),
    ),
    (
        "from [2001:db8::1] (port=51234 helo=box ident=joe)\r\n\tby relay.example with esmtp (Exim 4.92)",
        ("2001:db8::1", 51234, "box"),
    ),
    (
        "from mx.customer.example ([2001:db8::1] helo=[203.0.113.9])\r\n\tby relay.example (Exim 4.96)",
        ("2001:db8::1", 0, "[203.0.113.9]"),
    ),
    (
        "from mx.customer.example\r\n\t([192.0.2.1]:51234 helo=box.local ident=joe)\r\n\tby relay.example (Exim 4.96)",
        ("192.0.2.1", 51234, "box.local"),
    ),
    ("from [192.0.2.1] (helo=x@203.0.113.9) by relay.example (Exim 4.96)", ("192.0.2.1", 0, "x@203.0.113.9")),
    ("from [192.0.2.1] (ident=joe) by relay.example with esmtp (Exim 4.96)", ("192.0.2.1", 0, "")),
    # Exchange and Microsoft 365
    (
        (
            "from mx.customer.example (192.0.2.1) by EX01.example.org\r\n (10.0.0.5) with Microsoft SMTP Server "
            "(version=TLS1_2,\r\n cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.2.1544.4; x"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    (
        (
            "from AM6PR01MB1234.eurprd01.prod.exchangelabs.com\r\n (2001:db8:208:1::25) by DB7PR01MB1.eurprd01.prod."
            "exchangelabs.com with Microsoft SMTP Server id 15.20.9275.11; x"
        ),
        ("2001:db8:208:1::25", 0, "AM6PR01MB1234.eurprd01.prod.exchangelabs.com"),
    ),
    ("from EX02.example.org (10.0.0.6) by EX01.example.org (10.0.0.5) with Microsoft SMTP Server id 15.2; x", None),
    ("from EX02.example.org ([fe80::1%4]) by EX01.example.org ([fe80::2%4]) with mapi id 15.2; x", None),
    ("from [203.0.113.9] (192.0.2.1) by EX01.example.org (10.0.0.5) with SMTP; x", ("192.0.2.1", 0, "[203.0.113.9]")),
    # Google
    (
        (
            "from mx.customer.example (mx.customer.example. [192.0.2.1])\r\n        by mx.google.com with ESMTPS id "
            "a1-2si3.4.2025.11.03\r\n        (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256); x"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    ("by mail-ej1-f52.google.com with SMTP id a640c23a62f3a-b7155so4066b.1\r\n        for <s@example.org>; x", None),
    # Amazon SES
    (
        (
            "from mx.customer.example (mx.customer.example [192.0.2.1])\r\n by inbound-smtp.eu-west-1.amazonaws.com "
            "with SMTP id 8v2k\r\n for support@example.org;\r\n Mon, 03 Nov 2025 10:00:00 +0000 (UTC)"
        ),
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    # qmail, and what speaks like it
    (
        "from unknown (HELO mx.customer.example) (192.0.2.1)\n  by relay.example with SMTP; x",
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    ("from isp.example (HELO box) (joe@192.0.2.1)\n  by relay.example with SMTP; x", ("192.0.2.1", 0, "box")),
    ("from isp.example (HELO [203.0.113.9]) (joe@203.0.113.9@192.0.2.1) by x", ("192.0.2.1", 0, "[203.0.113.9]")),
    (
        "from mx.customer.example (192.0.2.1)\n  by relay.example with SMTP; x",
        ("192.0.2.1", 0, "mx.customer.example"),
    ),
    ("from unknown (HELO 203.0.113.9) ()\n  by relay.example with SMTP; x", None),
    # Courier, OpenSMTPD, CommuniGate
    (
        "from box.example ([::ffff:192.0.2.1])\r\n  (TLS: TLSv1.3,256bits)\r\n  by relay.example with ESMTPS; x",
        ("192.0.2.1", 0, "box.example"),
    ),
    (
        (
            "from box.example (mx.customer.example [192.0.2.1])\r\n\tby relay.example (OpenSMTPD) with ESMTPS id 1a "
            "(TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO); x"
        ),
        ("192.0.2.1", 0, "box.example"),
    ),
    (
        "from [192.0.2.1] (account joe@x HELO box) by relay.example (CommuniGate Pro) with ESMTP; x",
        ("192.0.2.1", 0, "box"),
    ),
    ("from [192.0.2.1] (HELO box) by relay.example (CommuniGate Pro SMTP 6.3.3); x", ("192.0.2.1", 0, "box")),
    # What names nobody
    ("from mx.customer.example by relay.example with SMTP; x", None),
    ("from [192.0.2.1] by relay.example with SMTP; x", None),  # a claim, for all we know
    ("from [192.0.2.1] () by relay.example with SMTP; x", None),
    ("from [192.0.2.1] (mx.customer.example) by relay.example with SMTP; x", None),
    ("from mx.customer.example (HELO [192.0.2.1]) by relay.example with SMTP; x", None),
    ("from mx.customer.example (EHLO [192.0.2.1]) by relay.example with SMTP; x", None),
    ("from mx.customer.example (helo=x [192.0.2.1]) by relay.example with SMTP; x", None),
    ("from mx.customer.example (mx.customer.example [192.0.2.256]) by relay.example; x", None),
    ("from mx.customer.example (mx.customer.example [192.0.2]) by relay.example; x", None),
    ("by relay.example (Postfix, from userid 1000)\r\n\tid 4XyZ; Mon, 3 Nov 2025 10:00:00 +0000", None),
    ("(qmail 12345 invoked by uid 1000); 3 Nov 2025 10:00:00 -0000", None),
    ("from localhost (localhost [127.0.0.1]) by relay.example (Postfix) with ESMTP; x", None),
    ("from box.lan (box.lan [192.168.1.7]) by relay.example (Postfix) with ESMTP; x", None),
    ("from box.lan (unknown [IPv6:fd00::1]) by relay.example (Postfix) with ESMTP; x", None),
    ("from box.lan (unknown [IPv6:::ffff:10.0.0.1]) by relay.example (Postfix) with ESMTP; x", None),
    ("", None),
]


@pytest.mark.parametrize(("received", "told"), TOLD)
def test_the_client_is_who_the_socket_said(received: str, told: tuple[str, int, str] | None) -> None:
    expected = None if told is None else (Peer(told[0], told[1]), told[2])
    assert client_of(received) == expected


def test_a_claim_that_no_log_should_hold_is_left_out() -> None:
    assert client_of(f"from {'x' * 256} (unknown [192.0.2.1]) by y") == (Peer("192.0.2.1"), "")
    assert client_of("from b\xfcro (unknown [192.0.2.1]) by y") == (Peer("192.0.2.1"), "")
    assert client_of("from x ([192.0.2.1]:70000) by y") == (Peer("192.0.2.1"), "x")


@given(st.text(st.sampled_from("from by()[]HELO=@.:1 \r\n\tIPv6"), max_size=200))
def test_it_is_total(text: str) -> None:
    client_of(text)
    client_of("from " + text)


@example("@0")
@given(st.from_regex(r"\A[!-'*-~]{1,40}\Z"))
def test_no_claim_without_space_or_parentheses_becomes_the_client(claim: str) -> None:
    for written in (
        f"from {claim} (unknown [192.0.2.1]) by relay.example (Postfix)",
        f"from {claim} (192.0.2.1) by relay.example with Microsoft SMTP Server",
        f"from unknown (HELO {claim}) (192.0.2.1) by relay.example with SMTP",
        f"from [192.0.2.1] (helo={claim}) by relay.example (Exim 4.96)",
        f"from mail.example ([192.0.2.1]:5 helo={claim}) by relay.example (Exim 4.96)",
    ):
        told = client_of(written)
        assert told is not None
        assert told[0].ip == "192.0.2.1"


@pytest.mark.parametrize("piece", ["(", "from ", "[1", "a ", "\t\r\n", "x (HELO ", "helo=", "@", "(x [1.1.1.1"])
def test_a_long_field_costs_no_more_than_a_short_one(piece: str) -> None:
    # The hostile cases of a quadratic pattern; each would hang the test long before its hang guard.
    client_of("from " + piece * 1_000_000)
    client_of("from x (" + piece * 1_000_000)
