"""The condition on what a person agreed to."""

from typing import ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts, Group
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _

WORDS: dict[tuple[str, str], str] = {
    ("sms", "care"): N_("Agreed to texts about their care"),
    ("sms", "marketing"): N_("Agreed to texts with offers"),
    ("email", "care"): N_("Agreed to emails about their care"),
    ("email", "marketing"): N_("Agreed to emails with offers"),
}


class MayContact(Condition):
    """Holds for people who agreed to this channel for this purpose, on one of their addresses."""

    label: ClassVar[str] = N_("Agreed to")
    history: ClassVar[tuple[str, ...]] = (
        "consent.recorded",
        "address.suppressed",
        "address.suppression_lifted",
    )
    needs: ClassVar[frozenset[Group]] = frozenset({"consents"})
    kind: Literal["may_contact"] = "may_contact"
    channel: Literal["sms", "email"]
    purpose: Literal["care", "marketing"] = "care"

    def holds(self, facts: Facts) -> bool:
        """Return whether they agreed and did not take it back."""
        return (self.channel, self.purpose) in facts.consents

    def words(self, names: Names) -> str:
        """Return what they must have agreed to."""
        return _(WORDS[self.channel, self.purpose])
