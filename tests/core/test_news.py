"""Open pages are told of what was committed, once it is, and of nothing else."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from crm.core.news import Announcement, News
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import SilentDoorbell
from pipelines.events import LeadStageChanged


@dataclass
class Listening(SilentDoorbell):
    """Keeps what is told."""

    told: list[Announcement] = field(default_factory=list)

    def tell(self, announcement: Announcement) -> None:
        """Keep it."""
        self.told.append(announcement)


@pytest.fixture
def told(runtime: Runtime) -> list[Announcement]:
    """What the open pages were told."""
    listening = Listening()
    runtime.database.doorbell = listening
    return listening.told


def moved(lead_id: UUID, contact_id: UUID) -> LeadStageChanged:
    """A move of a lead."""
    ids = {name: uuid4() for name in ("move_id", "pipeline_id", "from_stage_id", "to_stage_id")}
    return LeadStageChanged(
        order_key=lead_id,
        lead_id=lead_id,
        contact_id=contact_id,
        from_kind="open",
        to_kind="open",
        **ids,
    )


def test_events_and_other_changes_are_told_after_the_commit(
    runtime: Runtime, clinic: UUID, told: list[Announcement]
) -> None:
    lead, contact, page = (uuid4() for _ in range(3))
    with runtime.database.transaction(clinic, SYSTEM) as uow:
        uow.client_id = page
        uow.emit([moved(lead, contact), moved(lead, contact)])
        uow.tell("communication.held")
        assert told == []
    news = (News("lead.stage_changed", lead, contact), News("communication.held"))
    assert told == [Announcement(clinic, news, page)]


def test_what_was_rolled_back_and_what_changed_nothing_is_not_told(
    runtime: Runtime, clinic: UUID, told: list[Announcement]
) -> None:
    def fail() -> None:
        with runtime.database.transaction(clinic, SYSTEM) as uow:
            uow.emit(moved(uuid4(), uuid4()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with runtime.database.transaction(clinic, SYSTEM):
        pass
    assert told == []
