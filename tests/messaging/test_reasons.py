"""Whatever holds or ends a text has words for people."""

import pytest

from crm.compliance.gate import BLOCK_REASONS, DEFER_REASONS
from crm.messaging.states import REASONS

WRITTEN = (
    *("no_words", "text_too_long", "unreadable", "provider_busy", "provider_unavailable"),
    *("provider_refused", "provider_opted_out", "content_refused"),
    *("unconfirmed_needs_person", "not_sent_says_person", "once_more", "arrived_after_all"),
    *("not_reached", "sender_refused", "clinic_daily_cap"),
)


@pytest.mark.parametrize("reason", [*BLOCK_REASONS, *DEFER_REASONS, *WRITTEN])
def test_a_reason_has_words(reason: str) -> None:
    assert REASONS[reason].endswith(".")
