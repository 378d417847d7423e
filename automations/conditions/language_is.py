"""The condition on the person's language."""

from typing import ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts
from crm.core.errors import N_


class LanguageIs(Condition):
    """Holds for people who are written to in this language."""

    label: ClassVar[str] = N_("Language is")
    history: ClassVar[tuple[str, ...]] = ("field_changes:contacts.language",)
    kind: Literal["language_is"] = "language_is"
    language: Literal["en", "es"]

    def holds(self, facts: Facts) -> bool:
        """Return whether the person's language is this one."""
        return facts.language == self.language
