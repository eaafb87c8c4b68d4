"""An answer to what was internal is internal: who was told something in confidence does not answer the customer.

Contract: pure. Mails that tell of an internal comment have reply keys and Message-IDs of their own
(`Candidate.internal`); what comes back to one is an internal comment. Where its author may write none it is held, as a
mail with `#internal` is: it was meant for few, and would be read by all who take part.
"""

from dataclasses import replace

from smtpintake.decide.commands import INTERNAL
from smtpintake.decide.decision import AddComment, Hold, Judgement
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.policy import Policy, Right
from smtpintake.decide.rights import may_on
from smtpintake.mail.reason import Reason


def kept(facts: Facts, policy: Policy, judgement: Judgement) -> Judgement:
    """`judgement`, with the comment internal that answers something internal."""
    decision = judgement.decision
    if not isinstance(decision, AddComment) or decision.orders.internal:
        return judgement
    # By key or by Message-ID: a mail to several agents may be answered to the one and refer to the other.
    answered = [each for each in facts.candidates if each.issue_id == decision.candidate.issue_id and each.internal]
    if not answered or facts.waived == INTERNAL:
        return judgement
    answer = may_on(facts, policy, Right.INTERNAL, decision.candidate)
    if not answer:
        found = Finding(INTERNAL, "hold", answer.why)
        return replace(judgement, decision=Hold(Reason.INTERNAL_RIGHT), findings=(*judgement.findings, found))
    decision = replace(decision, orders=replace(decision.orders, internal=True), status="")
    found = Finding(INTERNAL, "kept", f"by {answered[0].evidence}, which told of an internal comment")
    return replace(judgement, decision=decision, findings=(*judgement.findings, found))
