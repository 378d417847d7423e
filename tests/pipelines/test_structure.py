"""Pipelines, stages and reasons are edited; no lead is lost on the way, and nobody overwrites."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.contacts.models import Contact
from crm.core.errors import Conflict, Invalid, NotFound, StaleVersion
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from pipelines import queries, structure
from pipelines.actions import Move, NewLead, create_leads, move_leads
from pipelines.errors import StageNotInPipeline
from pipelines.models import Lead, LostReason, Pipeline, Stage
from pipelines.structure import StageWords


class Clinic:
    """A clinic with one pipeline."""

    def __init__(self, runtime: Runtime, clinic: UUID) -> None:
        self.runtime, self.clinic = runtime, clinic
        self.pipeline: UUID = self.do(structure.start_pipeline, "New patients").id

    def do(self, action: Callable[..., Any], *arguments: object) -> Any:
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return action(uow, *arguments)

    def stage(self, name: str) -> Stage:
        """Return a stage, removed or not."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return uow.session.scalars(select(Stage).where(col(Stage.name) == name)).one()

    def names(self) -> list[str]:
        """Return the stages in their order."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            return [stage.name for stage in queries.stages(uow, self.pipeline)]

    def lead(self, stage: str = "New") -> UUID:
        """Return a new lead, moved to a stage."""
        with self.runtime.database.transaction(self.clinic, SYSTEM) as uow:
            contact = Contact(name="Ana", created_at=uow.now)
            uow.add(contact)
            [made] = create_leads(uow, [NewLead(contact.id)])
        if stage != "New":
            self.do(move_leads, [Move(made.id, self.stage(stage).id)])
        return made.id

    def remove(self, stage: str, *uses: Callable[[UnitOfWork, UUID], list[str]]) -> Any:
        return self.do(structure.remove_stage, self.stage(stage).id, uses)


@pytest.fixture
def here(runtime: Runtime, clinic: UUID) -> Clinic:
    return Clinic(runtime, clinic)


def test_a_pipeline_starts_with_stages_and_the_first_one_takes_the_requests(here: Clinic) -> None:
    here.do(structure.start_pipeline, "Implants")

    with here.runtime.database.transaction(here.clinic, SYSTEM) as uow:
        rows = queries.pipelines(uow)
    assert [(row.name, row.is_default) for row in rows] == [
        ("New patients", True),
        ("Implants", False),
    ]
    assert here.names() == ["New", "Contacted", "Booked", "Became a patient", "Lost"]


def test_another_pipeline_becomes_the_default_one(here: Clinic) -> None:
    other = here.do(structure.start_pipeline, "Implants")
    with here.runtime.database.transaction(here.clinic, SYSTEM) as uow:
        promise = {"is_default": True, "reply_within_minutes": None}
        structure.edit_pipeline(uow, other.id, 1, "Implants", **promise)

    with here.runtime.database.transaction(here.clinic, SYSTEM) as uow:
        assert [row.name for row in queries.pipelines(uow) if row.is_default] == ["Implants"]
        assert uow.get(Lead, here.lead()).pipeline_id == other.id


def test_a_stage_is_added_renamed_and_put_where_it_belongs(here: Clinic) -> None:
    made = here.do(structure.add_stage, here.pipeline, StageWords(" Waiting  list "))
    assert here.names()[-1] == "Waiting list"

    for _ in range(2):  # twice the same place: a double click moves it once
        here.do(structure.place_stage, made.id, 1)
    assert here.names()[:3] == ["New", "Waiting list", "Contacted"]

    here.do(structure.edit_stage, made.id, 1, StageWords("Waiting", "booked"))
    renamed = here.stage("Waiting")
    assert (renamed.kind, renamed.version, renamed.position) == ("booked", 2, 1)
    here.do(structure.place_stage, made.id, 900)
    assert here.names()[-1] == "Waiting"


@pytest.mark.parametrize("name", ["", "  ", "contacted", "Contacted "])
def test_a_name_is_needed_and_nobody_elses(here: Clinic, name: str) -> None:
    for attempt in (
        lambda: here.do(structure.add_stage, here.pipeline, StageWords(name)),
        lambda: here.do(structure.edit_stage, here.stage("New").id, 1, StageWords(name)),
    ):
        with pytest.raises(Invalid) as caught:
            attempt()
        assert caught.value.field == "name"
    assert here.names() == ["New", "Contacted", "Booked", "Became a patient", "Lost"]


def test_of_two_who_edit_one_stage_the_second_is_told(here: Clinic) -> None:
    new = here.stage("New")
    here.do(structure.edit_stage, new.id, new.version, StageWords("Fresh"))

    with pytest.raises(StaleVersion):
        here.do(structure.edit_stage, new.id, new.version, StageWords("Untouched"))
    assert here.names()[0] == "Fresh"


def test_a_stage_with_leads_keeps_its_kind_and_its_place_on_the_board(here: Clinic) -> None:
    here.lead("Contacted")
    contacted = here.stage("Contacted")

    with pytest.raises(Invalid) as caught:
        here.do(structure.edit_stage, contacted.id, 1, StageWords("Contacted", "won"))
    assert caught.value.field == "kind"
    with pytest.raises(Conflict):
        here.remove("Contacted")
    here.do(structure.edit_stage, contacted.id, 1, StageWords("Reached"))
    assert "Reached" in here.names()


def test_a_stage_that_a_sequence_names_is_not_removed(here: Clinic) -> None:
    with pytest.raises(Conflict, match="“Follow up”"):
        here.remove("Contacted", lambda _uow, _stage: ["Follow up"])
    here.remove("Contacted", lambda _uow, _stage: [])
    assert "Contacted" not in here.names()


def test_the_last_open_stage_stays_open(here: Clinic) -> None:
    here.remove("Contacted")
    with pytest.raises(Conflict):
        here.remove("New")
    with pytest.raises(Conflict):
        here.do(structure.edit_stage, here.stage("New").id, 1, StageWords("New", "lost"))
    here.lead()


def test_nothing_goes_into_a_removed_stage_and_its_name_stays_in_the_history(
    here: Clinic,
) -> None:
    lead_id = here.lead("Contacted")
    here.do(move_leads, [Move(lead_id, here.stage("Booked").id)])
    removed = here.remove("Contacted")
    assert here.remove("Contacted").removed_at == removed.removed_at

    with pytest.raises(StageNotInPipeline):
        here.do(move_leads, [Move(lead_id, removed.id)])
    with pytest.raises(NotFound):
        here.do(structure.edit_stage, removed.id, removed.version, StageWords("Back"))
    assert here.stage("Contacted").name == "Contacted"


def test_a_removed_stage_comes_back_by_its_name(here: Clinic) -> None:
    removed = here.remove("Contacted")
    with pytest.raises(Invalid, match="add it again"):
        here.do(structure.edit_stage, here.stage("New").id, 1, StageWords("Contacted"))

    again = here.do(structure.add_stage, here.pipeline, StageWords("Contacted", "booked"))
    assert (again.id, again.kind) == (removed.id, "booked")
    assert here.names()[-1] == "Contacted"


def test_new_leads_skip_a_removed_first_stage(here: Clinic) -> None:
    here.remove("New")
    lead_id = here.lead("Contacted")
    with here.runtime.database.transaction(here.clinic, SYSTEM) as uow:
        assert uow.get(Lead, lead_id).stage_id == here.stage("Contacted").id


@pytest.mark.parametrize("into", ["by move", "as a new lead"])
def test_a_stage_is_not_removed_while_a_lead_comes_into_it(here: Clinic, into: str) -> None:
    lead_id = here.lead("Contacted")
    target = here.stage("New").id
    removed: list[str] = []

    def remove() -> None:
        try:
            here.remove("New")
            removed.append("removed")
        except Conflict:
            removed.append("refused")

    remover = threading.Thread(target=remove)
    with here.runtime.database.transaction(here.clinic, SYSTEM) as uow:
        if into == "by move":
            move_leads(uow, [Move(lead_id, target)])
        else:
            contact = Contact(name="Bo", created_at=uow.now)
            uow.add(contact)
            create_leads(uow, [NewLead(contact.id)])
        remover.start()
        remover.join(0.3)  # it waits for this transaction, or it would be done
    remover.join(20)

    assert removed == ["refused"]


def test_reasons_are_added_renamed_ordered_removed_and_one_stays(here: Clinic) -> None:
    names = ("Price", "Too far", "No answer")
    price, far, silent = (here.do(structure.add_lost_reason, name) for name in names)
    here.do(structure.place_lost_reason, silent.id, 0)
    here.do(structure.rename_lost_reason, price.id, 1, "Too dear")
    with pytest.raises(StaleVersion):
        here.do(structure.rename_lost_reason, price.id, 1, "Cheap")
    here.do(structure.remove_lost_reason, far.id)

    def shown(uow: UnitOfWork) -> list[str]:
        return [reason.name for reason in queries.lost_reasons(uow)]

    assert here.do(shown) == ["No answer", "Too dear"]
    lost = here.stage("Lost").id
    with pytest.raises(NotFound):
        here.do(move_leads, [Move(here.lead(), lost, lost_reason_id=far.id)])
    here.do(structure.remove_lost_reason, silent.id)
    with pytest.raises(Conflict):
        here.do(structure.remove_lost_reason, price.id)
    assert here.do(structure.add_lost_reason, "Too far").id == far.id
    with here.runtime.database.transaction(here.clinic, SYSTEM) as uow:
        assert uow.get(LostReason, far.id).removed_at is None


def test_another_clinics_rows_are_unknown(here: Clinic, other_clinic: UUID) -> None:
    there = Clinic(here.runtime, other_clinic)
    reason = there.do(structure.add_lost_reason, "Price")
    foreign = there.stage("New").id
    for attempt in (
        lambda: here.do(structure.edit_stage, foreign, 1, StageWords("Mine")),
        lambda: here.do(structure.place_stage, foreign, 0),
        lambda: here.do(structure.remove_stage, foreign, ()),
        lambda: here.do(structure.add_stage, there.pipeline, StageWords("Mine")),
        lambda: here.do(structure.rename_lost_reason, reason.id, 1, "Mine"),
        lambda: here.do(structure.remove_lost_reason, reason.id),
    ):
        with pytest.raises(NotFound):
            attempt()
    with here.runtime.database.transaction(other_clinic, SYSTEM) as uow:
        assert uow.get(Pipeline, there.pipeline).version == 1
