"""The board: its order, its pages, its filters and its totals."""

from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm.accounts import cli
from crm.accounts.models import User
from crm.contacts.models import Contact
from crm.core.errors import NotFound, StaleVersion
from crm.core.events import EventRow
from crm.core.ids import new_id
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from pipelines.actions import (
    Move,
    NewLead,
    add_pipeline,
    create_leads,
    lock_leads,
    move_leads,
    undo_move,
)
from pipelines.board.filters import Filters
from pipelines.board.queries import COLUMN, After, board, cards_of, column
from pipelines.board.sides import choices, sides
from pipelines.models import Lead, LostReason, Stage, StageMove

STAGES = (("New", "open"), ("Contacted", "open"), ("Booked", "booked"), ("Lost", "lost"))
ME = new_id()
ALL = Filters(ME)


@pytest.fixture
def stages(uow: UnitOfWork) -> dict[str, UUID]:
    pipeline = add_pipeline(uow, "New patients", STAGES, is_default=True)
    rows = uow.session.scalars(select(Stage).where(Stage.pipeline_id == pipeline.id))
    return {stage.name: stage.id for stage in rows}


def leads(uow: UnitOfWork, names: str, **fields: object) -> dict[str, UUID]:
    """Make a lead for each letter, in one chunk; the last one stands on top."""
    made = {}
    for name in names:
        contact = Contact(name=name, created_at=uow.now)
        uow.add(contact)
        made[name] = NewLead(contact.id, **fields)  # type: ignore[arg-type]
    create_leads(uow, list(made.values()))
    return {name: new.id for name, new in made.items()}


def order(uow: UnitOfWork, stage_id: UUID, filters: Filters = ALL) -> str:
    """Return the names of a stage's cards from its top, page by page."""
    found, after = "", None
    while True:
        shown = column(uow, stage_id, filters, after)
        found += "".join(card.name for card in shown.cards)
        if shown.more is None:
            return found
        after = After(shown.more.rank, shown.more.id)


def put(uow: UnitOfWork, lead_id: UUID, stage_id: UUID, **place: UUID) -> Lead:
    [moved] = move_leads(uow, [Move(lead_id, stage_id, **place)])  # type: ignore[arg-type]
    return moved


def test_leads_of_one_chunk_stand_in_the_order_they_came(
    uow: UnitOfWork, stages: dict[str, UUID]
) -> None:
    leads(uow, "abc")
    assert order(uow, stages["New"]) == "cba"


def test_a_card_is_put_between_above_below_and_on_top(
    uow: UnitOfWork, stages: dict[str, UUID]
) -> None:
    made = leads(uow, "abcd")
    new, other = stages["New"], stages["Contacted"]
    put(uow, made["a"], new, before_id=made["c"])
    assert order(uow, new) == "dacb"
    put(uow, made["b"], new, before_id=made["d"])
    assert order(uow, new) == "bdac"
    put(uow, made["b"], new, after_id=made["c"])
    assert order(uow, new) == "dacb"
    put(uow, made["b"], new, after_id=made["d"])
    assert order(uow, new) == "dbac"
    put(uow, made["b"], other)
    put(uow, made["a"], other, before_id=made["b"])
    assert (order(uow, new), order(uow, other)) == ("dc", "ab")


def test_a_neighbour_that_left_meanwhile_is_no_neighbour(
    uow: UnitOfWork, stages: dict[str, UUID]
) -> None:
    made = leads(uow, "abc")
    put(uow, made["b"], stages["Contacted"], before_id=made["c"])
    put(uow, made["a"], stages["Contacted"], after_id=made["b"])
    assert order(uow, stages["Contacted"]) == "ba"
    put(uow, made["c"], stages["Contacted"], before_id=new_id())
    assert order(uow, stages["Contacted"])[0] == "c"


def test_a_place_in_the_same_stage_is_no_move(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    made = leads(uow, "ab")
    moved = put(uow, made["a"], stages["New"], before_id=made["b"])
    assert moved.version == 1
    assert uow.session.scalars(select(StageMove)).all() == []
    names = uow.session.scalars(select(EventRow.name).where(EventRow.lead_id == moved.id)).all()
    assert sorted(names) == ["lead.created", "lead.placed"]


def test_places_hold_however_crowded_it_is(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    names = "abcdefghij"
    made = leads(uow, names)
    dice = Random(3)
    for name in names:  # at the same instant, so all of the same rank
        put(uow, made[name], stages["Contacted"])
    shown = list(order(uow, stages["Contacted"]))
    for _ in range(40):
        name, anchor = dice.sample(names, 2)
        side = dice.choice(["before_id", "after_id"])
        shown.remove(name)
        shown.insert(shown.index(anchor) + (side == "after_id"), name)
        put(uow, made[name], stages["Contacted"], **{side: made[anchor]})
        assert list(order(uow, stages["Contacted"])) == shown


def test_whom_another_one_is_changing_is_not_waited_for(
    uow: UnitOfWork, runtime: Runtime, clinic: UUID
) -> None:
    with runtime.database.transaction(clinic, Principal("automation")) as before:
        add_pipeline(before, "New patients", STAGES, is_default=True)
        made = leads(before, "abc")
        stage_id = board(before, None, ALL).columns[1].stage.id
        for name in "abc":
            put(before, made[name], stage_id)
    with runtime.database.transaction(clinic, Principal("automation")) as other:
        lock_leads(other, [made["b"], made["c"]])
        put(uow, made["a"], stage_id, before_id=made["b"])
        assert sorted(order(uow, stage_id)) == ["a", "b", "c"]


def test_undo_puts_a_lead_back_to_where_it_stood(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    made = leads(uow, "abc")
    reason = LostReason(name="Too far")
    uow.add(reason)
    for lead_id in made.values():
        move_leads(uow, [Move(lead_id, stages["Lost"], lost_reason_id=reason.id)])
    lost_at = uow.get(Lead, made["b"]).stage_entered_at
    uow.principal = Principal("user", ME)
    moved = put(uow, made["b"], stages["New"])
    assert moved.lost_reason_id is None
    back = undo_move(uow, made["b"], moved.version)
    assert order(uow, stages["Lost"]) == "cba"
    assert (back.lost_reason_id, back.stage_entered_at) == (reason.id, lost_at)
    assert len(uow.session.scalars(select(StageMove)).all()) == 5


def test_undo_of_the_first_move_knows_since_when(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    [lead_id] = leads(uow, "a").values()
    moved = put(uow, lead_id, stages["Contacted"])
    assert undo_move(uow, lead_id, moved.version).stage_entered_at == moved.created_at


def test_undo_is_refused_once_something_else_happened(
    uow: UnitOfWork, stages: dict[str, UUID]
) -> None:
    [lead_id] = leads(uow, "a").values()
    with pytest.raises(StaleVersion):
        undo_move(uow, lead_id, 1)
    version = put(uow, lead_id, stages["Contacted"]).version
    put(uow, lead_id, stages["Booked"])
    with pytest.raises(StaleVersion):
        undo_move(uow, lead_id, version)
    with pytest.raises(NotFound):
        undo_move(uow, new_id(), 1)


def test_pages_of_a_stage_show_each_card_once(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    names = "".join(chr(0x4E00 + at) for at in range(2 * COLUMN + 3))
    leads(uow, names)
    assert order(uow, stages["New"]) == names[::-1]
    [first, *others] = board(uow, None, ALL).columns
    assert (len(first.cards), first.more) == (COLUMN, first.cards[-1])
    assert [(one.cards, one.more) for one in others] == [((), None)] * 3


def test_an_unknown_pipeline_is_not_found(uow: UnitOfWork, stages: dict[str, UUID]) -> None:
    with pytest.raises(NotFound):
        board(uow, new_id(), ALL)


def test_a_clinic_without_pipelines_has_an_empty_board(uow: UnitOfWork) -> None:
    assert board(uow, None, ALL).chosen is None


def test_filters_show_and_count_what_they_say(
    uow: UnitOfWork, stages: dict[str, UUID], runtime: Runtime, clinic: UUID
) -> None:
    made = leads(uow, "ab", source="form", service="Veneers", value_cents=500)
    made |= leads(uow, "cd", source="walk_in", value_cents=70)
    put(uow, made["d"], stages["Contacted"])
    uow.get(Lead, made["a"]).owner_id = ME
    uow.get(Lead, made["c"]).unread_at = uow.now
    for name, left in (("a", 60), ("d", -60)):
        uow.get(Lead, made[name]).reply_due_at = uow.now + timedelta(seconds=left)
    uow.session.flush()
    shown = {
        "a": Filters(ME, is_mine=True),
        "c": Filters(ME, is_unread=True),
        "cd": Filters(ME, source="walk_in"),
        "d": Filters(ME, is_late=True),
        "ba": Filters(ME, service="Veneers"),
        "": Filters(ME, service="Veneers", is_unread=True),
    }
    for names, filters in shown.items():
        columns = board(uow, None, filters).columns
        assert "".join(card.name for one in columns for card in one.cards) == names
        assert sum(one.leads for one in columns) == len(names)
    [first, second, *_] = board(uow, None, Filters(ME, source="walk_in")).columns
    assert [(one.leads, one.value_cents) for one in (first, second)] == [(1, 70), (1, 70)]
    beside = sides(uow, list(stages.values()), ME)
    assert beside.owner is None
    assert (beside.mine, beside.unread, beside.late, beside.stale) == (1, 1, 1, 0)
    offered = choices(uow)
    assert (offered.sources, offered.services) == (["form", "walk_in"], ["Veneers"])
    assert [card.name for card in cards_of(uow, list(made.values()), shown["cd"])] == ["d", "c"]


def test_stale_is_who_waited_longer_than_the_stage_allows(runtime: Runtime, clinic: UUID) -> None:
    with runtime.database.transaction(clinic, Principal("automation")) as uow:
        add_pipeline(uow, "New patients", STAGES, is_default=True)
        made = leads(uow, "ab")
        [new, contacted, booked, *_] = board(uow, None, ALL).columns
        put(uow, made["b"], booked.stage.id)
    runtime.clock.advance(days=8)
    stale = Filters(ME, is_stale=True)
    with runtime.database.transaction(clinic, Principal("automation")) as uow:
        leads(uow, "c")
        assert order(uow, new.stage.id, stale) == "a"
        assert order(uow, booked.stage.id, stale) == ""
        assert sides(uow, [new.stage.id, booked.stage.id], ME).stale == 1
        assert (contacted.stage.stale_after_days, booked.stage.stale_after_days) == (7, None)


def test_a_card_knows_its_owner_by_name(runtime: Runtime, clinic: UUID) -> None:
    cli.user_add(
        runtime.database,
        clinic_id=clinic,
        email="kim@riverside.example",
        name="Kim Reyes",
        role="front_desk",
        password="seven grey herons fly",
    )
    with runtime.database.transaction(clinic, Principal("automation")) as uow:
        add_pipeline(uow, "New patients", STAGES, is_default=True)
        [lead_id] = leads(uow, "a").values()
        kim = uow.session.scalars(select(User).where(col(User.name) == "Kim Reyes")).one()
        uow.get(Lead, lead_id).owner_id = kim.id
        uow.session.flush()
        [card] = board(uow, None, ALL).columns[0].cards
        assert (card.owner, card.phone) == ("Kim Reyes", None)
        assert (kim.id, "Kim Reyes") in choices(uow).team
        assert sides(uow, [], ME, kim.id).owner == "Kim Reyes"
