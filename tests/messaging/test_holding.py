"""What is held and until when: nights, caps, a held clinic, a paused or missing sender."""

from uuid import UUID

import pytest
from sqlmodel import col, select, update

from crm.accounts.models import Clinic
from crm.compliance.actions import suppress
from crm.core.events import EventRow
from crm.core.runtime import Runtime
from crm.messaging.actions import pause_account, release_held, resume_account, send_staff_text
from crm.messaging.models import ChannelAccount
from crm.messaging.receiving import TextIn, receive_text
from tests.messaging.stage import Stage


def test_a_text_at_night_leaves_in_the_morning_and_everything_is_checked_again(
    stage: Stage,
) -> None:
    stage.set_clock(22)
    ada, bob = stage.somebody(), stage.somebody()
    held, stopped = stage.text(ada), stage.text(bob)
    stage.work()

    row = stage.row(held)
    assert (row.status, row.held_reason) == ("queued", "quiet_hours")
    with stage.uow() as uow:
        suppress(uow, bob.address_id, "sms", "stop")
    stage.runtime.clock.advance(hours=9, minutes=50)
    assert stage.work() == 0
    stage.runtime.clock.advance(minutes=25)
    stage.work()
    assert stage.sent_to == [ada.phone]
    assert stage.row(stopped).reason == "suppressed"


def test_the_fourth_text_of_a_day_waits_for_the_next(stage: Stage) -> None:
    ada = stage.somebody()
    texts = [stage.text(ada) for _ in range(4)]
    stage.work()

    assert [stage.row(text).status for text in texts] == ["sent"] * 3 + ["queued"]
    assert stage.row(texts[3]).held_reason == "daily_cap"
    stage.runtime.clock.advance(hours=24)
    stage.work()
    assert stage.row(texts[3]).status == "sent"


def test_a_held_clinic_sends_nothing_until_it_is_released(stage: Stage) -> None:
    ada = stage.somebody()
    _hold(stage, True)
    text = stage.text(ada)
    stage.work()
    assert (stage.row(text).status, stage.row(text).held_reason) == ("queued", "hold")

    _hold(stage, False)
    with stage.uow() as uow:
        assert release_held(uow, "hold") == 1
    stage.work()
    assert stage.row(text).status == "sent"


def _hold(stage: Stage, is_holding: bool) -> None:
    with stage.uow() as uow:
        uow.session.execute(
            update(Clinic).where(col(Clinic.id) == stage.clinic).values(is_holding_sends=is_holding)
        )


def test_a_paused_account_holds_its_texts(stage: Stage) -> None:
    with stage.uow() as uow:
        [account] = uow.session.scalars(select(ChannelAccount))
        pause_account(uow, account.id, "30034")
    text = stage.text(stage.somebody())
    stage.work()
    assert stage.row(text).held_reason == "sender_paused"
    with stage.uow() as uow:
        assert resume_account(uow, account.id) == 1
    stage.work()
    assert stage.row(text).status == "sent"


def test_a_clinic_without_a_number_holds_its_texts(runtime: Runtime, clinic: UUID) -> None:
    stage = Stage(runtime, clinic)
    stage.set_clock(12)
    text = stage.text(stage.somebody())
    stage.work()
    assert (stage.row(text).status, stage.row(text).held_reason) == ("queued", "no_sender")


def test_one_clinics_texts_leave_from_its_own_number_only(stage: Stage, other_clinic: UUID) -> None:
    other = Stage(stage.runtime, other_clinic)
    stage.text(stage.somebody())
    text = other.text(other.somebody())
    stage.work()
    assert len(stage.channel.wire) == 1
    assert other.row(text).held_reason == "no_sender"


@pytest.mark.parametrize(
    ("body", "is_cause", "status"),
    [("HELP", True, "queued"), ("Is Tuesday free?", False, "queued"), ("Hello?", True, "sent")],
)
def test_only_what_a_patients_own_words_led_to_may_answer_at_night(
    stage: Stage, body: str, is_cause: bool, status: str
) -> None:
    ada = stage.somebody()
    stage.set_clock(1, 58)
    with stage.uow() as uow:
        receive_text(uow, TextIn("+12125550100", ada.phone, body, "SM1", "twilio"))
    with stage.uow() as uow:
        asked = col(EventRow.name) == "text.received"
        event_id = uow.session.scalars(select(col(EventRow.id)).where(asked)).one()
    stage.runtime.clock.advance(minutes=7)
    text = stage.text(ada, cause=(event_id,) if is_cause else ())
    stage.work()
    row = stage.row(text)
    assert row.status == status
    assert row.held_reason == (None if status == "sent" else "quiet_hours")


def test_what_staff_write_leaves_at_night_and_first(stage: Stage) -> None:
    stage.set_clock(23)
    ada = stage.somebody(tier="none")
    with stage.uow() as uow:
        text = send_staff_text(uow, contact_id=ada.contact_id, body="We are open.", key="k1")
        again = send_staff_text(uow, contact_id=ada.contact_id, body="We are open.", key="k1")
    assert text == again
    assert stage.work() == 0
    assert stage.work(queue="urgent") == 1
    [message] = stage.channel.wire
    assert message.body.startswith("Riverside Dental: We are open.")
    assert stage.row(text).consent_id is None
