"""What applying a document does to the policy in force, in words; and how a wrong document is explained."""

from typing import Any

import pytest

from smtpintake.decide.change import differences, merged
from smtpintake.decide.policy import Document, PolicyError, read_document

COST: dict[str, Any] = {"fields": [{"name": "cost", "type": "number"}]}
HOW: dict[str, Any] = {"fields": [{"name": "how", "type": "choice", "choices": ["a", "b"]}]}


def document(*inboxes: dict[str, Any], **project: Any) -> Document:
    return read_document({"project": [{"key": "SUP", "name": "Support", **project}], "inbox": inboxes})


def inbox(name: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "addresses": [f"{name}@example.org"], "project": "SUP", **values}


def test_the_order_of_tables_is_no_difference() -> None:
    assert differences(document(inbox("a"), inbox("b")), document(inbox("b"), inbox("a"))) == ()


def test_each_changed_key_has_a_line() -> None:
    before = document(inbox("a"), inbox("gone"))
    after = document(inbox("a", active=False, language="de"), inbox("new"), name="Help")
    assert differences(before, after) == (
        '~ project SUP: name "Support" -> "Help"',
        "~ inbox a: active true -> false",
        '~ inbox a: language "" -> "de"',
        '+ inbox new: addresses ["new@example.org"], project "SUP"',
        "- inbox gone",
    )


def test_an_allowed_domain_is_shown_as_it_is_written() -> None:
    proved = {"domain": "Partner.example", "proof": "aligned"}
    after = document(inbox("a", allowed_domains=["b.example", proved]))
    assert differences(document(inbox("a", allowed_domains=["b.example"])), after) == (
        '~ inbox a: allowed_domains ["b.example"] -> ["b.example", {"domain": "partner.example", "proof": "aligned"}]',
    )
    # Where any proof will do, a table says no more than a text.
    plain = document(inbox("a", allowed_domains=[{"domain": "b.example"}]))
    assert differences(document(inbox("a", allowed_domains=["b.example"])), plain) == ()


def test_merging_keeps_what_is_not_named_and_pruning_does_not() -> None:
    before, wanted = document(inbox("a"), inbox("b")), document(inbox("b", active=False))
    assert [(one.name, one.active) for one in merged(before, wanted, prune=False).inbox] == [("a", True), ("b", False)]
    assert [(one.name, one.active) for one in merged(before, wanted, prune=True).inbox] == [("b", False)]


def test_what_stays_can_contradict_what_comes() -> None:
    before = document(inbox("a", issue_type="alert"), issue_types=[{"name": "alert", "prefix": "AL"}])
    with pytest.raises(PolicyError, match="'alert' is not a type of SUP"):
        merged(before, document(), prune=False)


@pytest.mark.parametrize(
    ("data", "key", "what"),
    [
        ({"inbx": []}, "inbx", "did you mean 'inbox'? allowed are inbox, organisation"),
        (
            {"inbox": [inbox("a", adresses=[])], "project": [{"key": "SUP", "name": "S"}]},
            "inbox[0].adresses",
            "did you mean 'addresses'?",
        ),
        (
            {"inbox": [inbox("a", auto_reply={"enable": True})]},
            "inbox[0].auto_reply.enable",
            "did you mean 'enabled'? allowed are enabled, first_only, least_proof, office_hours, to_cc",
        ),
        (
            {"project": [{"key": "SUP", "name": "S", "issue_types": [{"name": "a", "prefix": "AA", "qqq": 1}]}]},
            "project[0].issue_types[0].qqq",
            "there is no such key; allowed are name, prefix",
        ),
        (
            {"inbox": [inbox("a", allowed_domains=[{"domain": "b.example", "prof": "none"}])]},
            "inbox[0].allowed_domains[0].prof",
            "did you mean 'proof'? allowed are domain, proof",
        ),
        (
            {"inbox": [inbox("a", allowed_domains=[{"domain": "b.example", "proof": "key"}])]},
            "inbox[0].allowed_domains[0].proof",
            "allowed are none, aligned",
        ),
        (
            {"inbox": [inbox("a", allowed_domains=["b example"])]},
            "inbox[0].allowed_domains[0].domain",
            "'b example' is not a domain",
        ),
        (
            {"inbox": [inbox("a", require="dkmi")]},
            "inbox[0].require",
            "'none', 'spf', 'dkim', 'aligned' or 'dmarc'",
        ),
        ({"project": [{"key": "SUP", "name": "a\nBcc: b@example.org"}]}, "project[0].name", "match pattern"),
        (
            {"organisation": [{"name": "a", "domains": ["x.example"]}, {"name": "b", "domains": ["X.example"]}]},
            "organisation.domains",
            "'x.example' is given 2 times",
        ),
    ],
)
def test_a_wrong_document_says_where_and_what_is_allowed(data: dict[str, Any], key: str, what: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_document(data)
    assert [fault.key for fault in caught.value.faults] == [key]
    assert what in caught.value.faults[0].what


@pytest.mark.parametrize(
    ("project", "settings", "key", "what"),
    [
        (COST, {"defaults": {"fields": {"cst": "1"}}}, "defaults.fields.cst", "no field 'cst'; it has cost"),
        (COST, {"defaults": {"fields": {"cost": "1e9"}}}, "defaults.fields.cost", "'1e9' is not a number"),
        (HOW, {"defaults": {"fields": {"how": "c"}}}, "defaults.fields.how", "there are a, b"),
        ({}, {"defaults": {"status": "waiting"}}, "defaults.status", "it has open, closed"),
        ({}, {"status_after_reply": "waiting"}, "status_after_reply", "allowed are reopen, keep, open, closed"),
        ({}, {"creator": "somebody"}, "creator", "is not an address"),
        ({}, {"project": ""}, "project", "let one say default = true; there are SUP"),
        ({}, {"map_senders": [{"sender": "@a.example"}]}, "map_senders[0]", "give a person, an organisation, or both"),
        ({}, {"max_size": "12"}, "max_size", "greater than or equal to 1024"),
    ],
)
def test_an_inbox_that_asks_for_what_its_project_lacks(
    project: dict[str, Any], settings: dict[str, Any], key: str, what: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        document(inbox("a", **settings), **project)
    assert [fault.key for fault in caught.value.faults] == [f"inbox[0].{key}"]
    assert what in caught.value.faults[0].what


@pytest.mark.parametrize(
    ("project", "what"),
    [
        ({"statuses": ["closed", "open"]}, "begins with that of a new issue"),
        ({"statuses": ["open", "keep"], "closed_statuses": []}, "none is called 'reopen' or 'keep'"),
        ({"statuses": ["open"]}, "'closed' is not"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "two fields have the same name"),
    ],
)
def test_a_project_that_contradicts_itself(project: dict[str, Any], what: str) -> None:
    with pytest.raises(PolicyError, match=what):
        document(**project)


def test_two_default_projects() -> None:
    with pytest.raises(PolicyError, match=r"project\.default: only one project can be the default, not SUP and OPS"):
        read_document({"project": [{"key": key, "name": key, "default": True} for key in ("SUP", "OPS")]})
