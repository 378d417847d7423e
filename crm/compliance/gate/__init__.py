"""The last check before a text or email leaves: one pure function over what is known of it.

Every reason is a code that the lead's page explains. A Block is final, a Defer is looked at again
when it ends: what was true when a text was held proves nothing about the morning (LAW-25).
"""

from crm.compliance.gate.deciding import (
    CALL_TAKES,
    LEAST_LEFT,
    LOOK_AGAIN,
    TIERS,
    WEEKLY_CAP,
    decide,
)
from crm.compliance.gate.facts import (
    ANSWER_WITHIN,
    BLOCK_REASONS,
    BY_PERSON,
    DAY,
    DEFER_REASONS,
    WEEK,
    Allow,
    Block,
    Decision,
    Defer,
    Facts,
    Overtaken,
    Voice,
)

__all__ = [
    "ANSWER_WITHIN",
    "BLOCK_REASONS",
    "BY_PERSON",
    "CALL_TAKES",
    "DAY",
    "DEFER_REASONS",
    "LEAST_LEFT",
    "LOOK_AGAIN",
    "TIERS",
    "WEEK",
    "WEEKLY_CAP",
    "Allow",
    "Block",
    "Decision",
    "Defer",
    "Facts",
    "Overtaken",
    "Voice",
    "decide",
]
