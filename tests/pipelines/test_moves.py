"""Leads are created and moved; totals follow, and nothing is half done."""

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import select

from crm.contacts.models import Contact
from crm.core.errors import NotFound, StaleVersion
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from pipelines.actions import Move, NewLead, add_pipeline, create_leads, move_leads
from pipelines.errors import LostReasonNeeded, NoPipeline, StageNotInPipeline
from pipelines.models import Lead, LostReason, Stage, StageCounter, StageMove

STAGES = (("New", "open"), ("Contacted", "open"), ("Booked", "booked"), ("Lost", "lost"))


@pytest.fixture
def stages(uow: UnitOfWork) -> dict[str, UUID]:
    pipeline = add_pipeline(uow, "New patients", STAGES, is_default=True)
    rows = uow.session.scalars(select(Stage).where(Stage.pipeline_id == pipeline.id))
    return {stage.name: stage.id for stage in rows}


def lead(uow: UnitOfWork, value_cents: int = 0) -> Lead:
    contact = Contact(name="Ana", created_at=uow.now)
    uow.add(contact)
    [created] = create_leads(uow, [NewLead(contact.id, value_cents=value_cents)])
    return uow.get(Lead, created.id)


def counted(runtime: Runtime) -> dict[UUID, tuple[int, int]]:
    with runtime.database.system() as system:
        rows = system.session.scalars(select(StageCounter))
        return {row.id: (row.leads, row.value_cents) for row in rows}


def test_a_lead_starts_in_the_first_open_stage(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    created = lead(uow)
    assert created.stage_id == stages["New"]
    names = uow.session.scalars(select(EventRow.name).where(EventRow.lead_id == created.id)).all()
    assert names == ["lead.created"]


def test_without_a_pipeline_no_lead_is_made(uow: UnitOfWork) -> None:
    contact = Contact(name="Ana", created_at=uow.now)
    uow.add(contact)
    with pytest.raises(NoPipeline):
        create_leads(uow, [NewLead(contact.id)])


def test_a_move_records_from_to_who_why_and_when(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    uow.principal = Principal("user", new_id())
    created = lead(uow)
    [moved] = move_leads(uow, [Move(created.id, stages["Contacted"], reason="called", version=1)])
    assert (moved.stage_id, moved.version) == (stages["Contacted"], 2)
    record = uow.session.scalars(select(StageMove)).one()
    assert (record.from_stage_id, record.to_stage_id) == (stages["New"], stages["Contacted"])
    assert (record.principal_id, record.reason, record.at) == (uow.principal.id, "called", uow.now)


def test_a_move_to_where_a_lead_stands_changes_nothing(
    uow: UnitOfWork, stages: dict[str, UUID]
) -> None:
    created = lead(uow)
    [same] = move_leads(uow, [Move(created.id, stages["New"])])
    assert same.version == 1
    assert uow.session.scalars(select(StageMove)).all() == []


def test_an_overtaken_move_is_refused(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    created = lead(uow)
    move_leads(uow, [Move(created.id, stages["Contacted"], version=1)])
    with pytest.raises(StaleVersion):
        move_leads(uow, [Move(created.id, stages["Booked"], version=1)])


def test_the_second_of_two_clicks_changes_nothing_and_is_no_conflict(
    uow: UnitOfWork, stages: dict[str, UUID]
) -> None:
    created = lead(uow)
    for _ in range(2):
        [moved] = move_leads(uow, [Move(created.id, stages["Contacted"], version=1)])
        assert (moved.stage_id, moved.version) == (stages["Contacted"], 2)
    assert len(uow.session.scalars(select(StageMove)).all()) == 1


def test_a_stage_of_another_pipeline_is_refused(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    other = add_pipeline(uow, "Implants", STAGES)
    foreign = uow.session.scalars(select(Stage.id).where(Stage.pipeline_id == other.id)).first()
    assert foreign is not None
    with pytest.raises(StageNotInPipeline):
        move_leads(uow, [Move(lead(uow).id, foreign)])


def test_an_unknown_lead_is_not_found(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    with pytest.raises(NotFound):
        move_leads(uow, [Move(new_id(), stages["New"])])


def test_a_person_gives_a_reason_for_a_loss(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    uow.principal = Principal("user", new_id())
    created = lead(uow)
    with pytest.raises(LostReasonNeeded):
        move_leads(uow, [Move(created.id, stages["Lost"])])
    reason = LostReason(name="Too far")
    uow.add(reason)
    [lost] = move_leads(uow, [Move(created.id, stages["Lost"], lost_reason_id=reason.id)])
    assert (lost.stage_kind, lost.lost_reason_id) == ("lost", reason.id)
    [back] = move_leads(uow, [Move(created.id, stages["New"])])
    assert back.lost_reason_id is None


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["New", "Contacted", "Booked", "Lost"])),
        max_size=12,
    )
)
def test_counters_equal_what_is_counted(
    runtime: Runtime, clinic: UUID, moves: list[tuple[int, str]]
) -> None:
    with runtime.database.transaction(clinic, Principal("automation")) as uow:
        pipeline = add_pipeline(uow, f"P{new_id()}", STAGES, is_default=True)
        rows = uow.session.scalars(select(Stage).where(Stage.pipeline_id == pipeline.id)).all()
        stages = {stage.name: stage.id for stage in rows}
        contact = Contact(name="Ana", created_at=uow.now)
        uow.add(contact)
        leads = create_leads(
            uow,
            [NewLead(contact.id, pipeline_id=pipeline.id, value_cents=n * 100) for n in range(4)],
        )
        move_leads(uow, [Move(leads[index].id, stages[name]) for index, name in moves])
    with runtime.database.system() as system:
        query = text("SELECT stage_id, count(*), sum(value_cents)::bigint FROM leads GROUP BY 1")
        real = {row[0]: (row[1], row[2]) for row in system.session.execute(query)}
    kept = {stage: totals for stage, totals in counted(runtime).items() if totals != (0, 0)}
    assert kept == real
