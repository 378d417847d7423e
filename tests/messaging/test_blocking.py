"""What must not leave is blocked, with its reason, and blocks no other."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from crm.compliance import actions as consent_actions
from crm.compliance.actions import NewConsent, record_consents, suppress
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template, send_staff_text
from tests.messaging.stage import Stage


def test_a_missing_value_blocks_its_text_and_no_other(stage: Stage) -> None:
    with stage.uow() as uow:
        template = add_template(uow, "link", {"en": "Book: {{ booking_link }}"})
    blocked = stage.text(stage.somebody(), template_id=template.id, body=None)
    sent = stage.text(stage.somebody())
    stage.work()

    row = stage.row(blocked)
    assert (row.status, row.reason) == ("blocked", "missing_value:booking_link")
    assert stage.row(sent).status == "sent"


def test_a_template_without_words_blocks(stage: Stage) -> None:
    with stage.uow() as uow:
        template = add_template(uow, "silent", {"en": "{% if service %}x{% endif %}"})
    text = stage.text(stage.somebody(), template_id=template.id, body=None)
    stage.work()
    assert stage.row(text).reason == "no_words"


def test_a_text_that_is_too_long_with_its_way_out_blocks(stage: Stage) -> None:
    text = stage.text(stage.somebody(), body="a" * 1590)
    stage.work()
    assert (stage.row(text).status, stage.row(text).reason) == ("blocked", "text_too_long")


def _suppressed(stage: Stage) -> UUID:
    ada = stage.somebody()
    with stage.uow() as uow:
        suppress(uow, ada.address_id, "sms", "stop")
    return stage.text(ada)


def _without_consent(stage: Stage) -> UUID:
    return stage.text(stage.somebody(tier="none"))


def _consent_taken_back_while_the_clock_was_late(stage: Stage) -> UUID:
    ada = stage.somebody()
    revoked = NewConsent(ada.address_id, ada.contact_id, "sms", "care", "none", "revoked")
    with pytest.MonkeyPatch.context() as patch, stage.uow() as uow:
        patch.setattr(consent_actions, "new_id", lambda: UUID(int=1))
        record_consents(uow, [revoked])
    return stage.text(ada)


def _marketing_with_care_consent(stage: Stage) -> UUID:
    return stage.text(stage.somebody(), message_class="marketing")


def _marketing_by_its_template(stage: Stage) -> UUID:
    with stage.uow() as uow:
        template = add_template(uow, "offer", {"en": "Offer"}, message_class="marketing")
    return stage.text(stage.somebody(), template_id=template.id, body=None)


def _too_late(stage: Stage) -> UUID:
    with stage.uow() as uow:
        useful_until = uow.now + timedelta(seconds=5)
    return stage.text(stage.somebody(), useful_until=useful_until)


@pytest.mark.parametrize(
    ("queue", "reason"),
    [
        (_suppressed, "suppressed"),
        (_without_consent, "no_consent"),
        (_consent_taken_back_while_the_clock_was_late, "no_consent"),
        (_marketing_with_care_consent, "no_consent"),
        (_marketing_by_its_template, "no_consent"),
        (_too_late, "no_longer_useful"),
    ],
)
def test_what_must_not_leave_is_blocked_with_its_reason(
    stage: Stage, queue: Any, reason: str
) -> None:
    text = queue(stage)
    stage.work()

    row = stage.row(text)
    assert (row.status, row.reason, row.due_at) == ("blocked", reason, None)
    assert stage.channel.wire == []
    [settled] = stage.events("communication.settled")
    assert (settled["status"], settled["reason"]) == ("blocked", reason)


@pytest.mark.parametrize("fact", ["is_origin_live", "is_lead_open"])
def test_other_rooms_may_say_no(stage: Stage, fact: str) -> None:
    def source(uow: UnitOfWork, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
        return {row_id: {fact: False} for row_id in ids}

    stage.runtime.fact_sources = [source, lambda uow, ids: {row_id: {fact: True} for row_id in ids}]
    text = stage.text(stage.somebody())
    stage.work()
    wanted = {"is_origin_live": "origin_ended", "is_lead_open": "lead_closed"}
    assert stage.row(text).reason == wanted[fact]


def test_what_staff_wrote_an_hour_ago_is_said_no_more(stage: Stage) -> None:
    ada = stage.somebody()
    with stage.uow() as uow:
        text = send_staff_text(uow, contact_id=ada.contact_id, body="Come in now.", key="k1")
    stage.runtime.clock.advance(hours=1)
    stage.work(queue="urgent")
    assert (stage.row(text).status, stage.row(text).reason) == ("blocked", "no_longer_useful")
    assert stage.channel.wire == []
