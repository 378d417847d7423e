"""Pages of the board: a pipeline by stage, its parts as they change, and filters and views."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.roles import may
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, OptionalId, OptionalText, ShortText
from crm.web.htmx import is_htmx
from crm.web.pages import see_other
from crm.web.templating import render
from pipelines.board import sides
from pipelines.board.filters import Filters
from pipelines.board.queries import After, board, cards_of, column, first_cards, heads_of
from pipelines.models import Pipeline
from pipelines.sources import source_name, source_tone

router = APIRouter(include_in_schema=False)

LeadReader = Annotated[SignedIn, require("leads:read")]
Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]
MOST_CHANGED = 100


def filters_of(
    login: LeadReader,
    mine: Flag = False,
    unread: Flag = False,
    stale: Flag = False,
    late: Flag = False,
    owner: OptionalId = None,
    source: OptionalText = None,
    service: OptionalText = None,
) -> Filters:
    """Return the filters that stand in the address."""
    return Filters(login.user_id, mine, unread, stale, late, owner, source, service)


Filtered = Annotated[Filters, Depends(filters_of)]


@dataclass(frozen=True)
class Look:
    """What the look of a card depends on, beside the lead."""

    now: datetime
    filters: Filters
    may_move: bool
    may_text: bool

    def name_of(self, source: str) -> str:
        """Return a source in words."""
        return source_name(source)

    def tone_of(self, source: str) -> str:
        """Return the tone of a source's badge."""
        return source_tone(source)


class ViewForm(FormModel):
    """A name for the filters that stand in the address."""

    name: Annotated[ShortText, BeforeValidator(str.strip)]
    pipeline: UUID


@router.get("/", name="pipelines:start", dependencies=[require("leads:read")])
def start(request: Request) -> Response:
    """Lead to the page where a working day starts."""
    return see_other(request, "pipelines:pipeline")


@router.get("/pipeline", name="pipelines:pipeline")
def pipeline(
    request: Request,
    uow: ClinicUow,
    login: LeadReader,
    filters: Filtered,
    pipeline: OptionalId = None,
) -> Response:
    """Show a pipeline's leads by stage; the default pipeline where none is named."""
    shown = board(uow, pipeline, filters)
    stage_ids = [one.stage.id for one in shown.columns]
    return render(
        request,
        "pipelines/board.html",
        board=shown,
        sides=sides.sides(uow, stage_ids, login.user_id, filters.owner_id),
        **around(uow, login, filters),
    )


@router.get("/pipeline/stages/{stage_id}", name="pipelines:stage")
def stage(
    request: Request,
    uow: ClinicUow,
    login: LeadReader,
    filters: Filtered,
    stage_id: UUID,
    rank: float | None = None,
    after: UUID | None = None,
) -> Response:
    """Show the leads of one stage, a page at a time; `rank` and `after` are the last one's."""
    start = After(rank, after) if rank is not None and after is not None else None
    name = "pipelines/_more.html" if is_htmx(request) else "pipelines/stage.html"
    shown = column(uow, stage_id, filters, start)
    return render(request, name, column=shown, **around(uow, login, filters))


@router.get("/pipeline/changes", name="pipelines:changes")
def changes(
    request: Request,
    uow: ClinicUow,
    login: LeadReader,
    filters: Filtered,
    pipeline: UUID,
    lead: Annotated[list[UUID], Query(max_length=MOST_CHANGED)] = [],  # noqa: B006
) -> Response:
    """Answer how these leads' cards look now; without any, the first page of every stage."""
    return render_changes(request, uow, login, filters, pipeline, lead)


def render_changes(
    request: Request,
    uow: UnitOfWork,
    login: SignedIn,
    filters: Filters,
    pipeline_id: UUID,
    lead_ids: Sequence[UUID],
) -> Response:
    """Return the heads of a pipeline's stages and what became of some cards, for `board.js`."""
    columns = heads_of(uow, pipeline_id, filters)
    stages = {one.stage.id: one.stage for one in columns}
    if lead_ids:
        cards = [card for card in cards_of(uow, lead_ids, filters) if card.stage_id in stages]
    else:
        tops = first_cards(uow, list(stages), filters)
        columns = [one.filled(tops.get(one.stage.id, ())) for one in columns]
        cards = [card for one in columns for card in one.cards]
    return render(
        request,
        "pipelines/_changes.html",
        columns=columns,
        stages=stages,
        cards=cards,
        gone=[each for each in lead_ids if each not in {card.id for card in cards}],
        is_all=not lead_ids,
        sides=sides.sides(uow, list(stages), login.user_id),
        **around(uow, login, filters),
    )


@router.get("/pipeline/filters", name="pipelines:filters")
def filters_form(
    request: Request, uow: ClinicUow, login: LeadReader, filters: Filtered, pipeline: UUID
) -> Response:
    """Show what the board can be filtered by; a part of the page for its scripts."""
    offered = sides.choices(uow)
    return render(
        request,
        "pipelines/_filters.html" if is_htmx(request) else "pipelines/filters.html",
        pipeline_id=pipeline,
        choices=offered,
        sources=[(code, source_name(code)) for code in offered.sources],
        services=[(name, name) for name in offered.services],
        views=sides.sides(uow, [], login.user_id).views,
        **around(uow, login, filters),
    )


@router.post("/pipeline/views", name="pipelines:save_view")
def save_view(
    request: Request,
    uow: ClinicUow,
    login: LeadReader,
    filters: Filtered,
    form: Annotated[ViewForm, Form()],
) -> Response:
    """Keep the filters that stand in the address under a name."""
    chosen = uow.get(Pipeline, form.pipeline)
    query = filters.query_in(chosen.id)
    sides.save_view(uow, login.user_id, form.name, query)
    response = see_other(request, "pipelines:pipeline")
    response.headers["location"] += f"?{query}"
    return response


@router.post("/pipeline/views/{saved_view_id}/remove", name="pipelines:remove_view")
def remove_view(
    request: Request, uow: ClinicUow, login: LeadReader, saved_view_id: UUID
) -> Response:
    """Forget one of one's views."""
    sides.remove_view(uow, login.user_id, saved_view_id)
    return see_other(request, "pipelines:pipeline")


def around(uow: UnitOfWork, login: SignedIn, filters: Filters) -> dict[str, Any]:
    """Return what every template with cards is given."""
    is_mover, is_texter = may(login.role, "leads:move"), may(login.role, "messages:send")
    return {"now": uow.now, "look": Look(uow.now, filters, is_mover, is_texter)}
