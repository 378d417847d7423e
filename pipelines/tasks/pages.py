"""Pages of tasks: what is to be done, one task to be set or changed, a lead's own."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, own_uow, require
from crm.accounts.queries import colleagues
from crm.accounts.roles import may
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.web import formats
from crm.web.forms import Rejected, shows_again
from crm.web.frame import frame_of
from crm.web.htmx import Undo, is_htmx, toast
from crm.web.language import _, ngettext
from crm.web.pages import see_other
from crm.web.paths import path_of
from crm.web.templating import render, render_block
from pipelines.models import Lead
from pipelines.tasks import actions, queries
from pipelines.tasks.forms import ChangeTaskForm, NewTaskForm, SettleForm, TaskForm
from pipelines.tasks.models import Task
from pipelines.tasks.queries import TaskRow

router = APIRouter(include_in_schema=False, dependencies=[require("tasks:write")])

Desk = Annotated[SignedIn, require("tasks:write")]
ASKED = frozenset(TaskForm.model_fields)
Whose = Literal["mine", "all"]


def _zone(request: Request) -> ZoneInfo:
    return ZoneInfo(frame_of(request).zone)


@router.get("/tasks", name="tasks:list")
def list_tasks(
    request: Request,
    uow: ClinicUow,
    login: Desk,
    whose: Whose = "mine",
    select: bool = False,
    after: UUID | None = None,
) -> Response:
    """Show what is to be done: late, today, later; one's own or everybody's."""
    zone = _zone(request)
    page = queries.open_tasks(uow, login.user_id if whose == "mine" else None, after)
    now, tomorrow = uow.now, queries.end_of_today(uow, zone)
    sections = [
        ("overdue", _("Overdue"), page.between(None, now)),
        ("today", _("Today"), page.between(now, tomorrow)),
        ("later", _("Later"), page.between(tomorrow, None)),
    ]
    context: dict[str, Any] = {
        "now": now,
        "sections": [section for section in sections if section[2]],
        "due": lambda row: due_words(uow, row, zone),
        "whose": whose,
        "is_selecting": select,
        "more": page.more,
        "is_first_page": after is None,
    }
    if is_htmx(request):
        return render_block(request, "pipelines/tasks.html", "tasks", **context)
    return render(request, "pipelines/tasks.html", **context)


def due_words(uow: UnitOfWork, row: TaskRow, zone: ZoneInfo) -> str:
    """Return "Today 11:00 am", or the day alone where no hour was given."""
    local = row.due_at.astimezone(zone)
    day = formats.short_day(local.date(), uow.now.astimezone(zone).date())
    return day if row.is_all_day else f"{day} {formats.clock(local.time())}"


@router.get("/tasks/new", name="tasks:new")
def new_task(
    request: Request, uow: ClinicUow, login: Desk, lead_id: UUID | None = None
) -> Response:
    """Show the form of a new task, about a lead or about none."""
    values = {
        "key": new_id(),
        "due_on": uow.now.astimezone(_zone(request)).date(),
        "assignee_id": login.user_id,
        "lead_id": lead_id or "",
    }
    return _form(request, uow, values)


def _show_again(request: Request, rejected: Rejected) -> Response:
    with own_uow(request) as uow:
        task_id = request.path_params.get("task_id")
        return _form(request, uow, dict(rejected.values), task_id, rejected)


@router.post("/tasks", name="tasks:add", dependencies=[shows_again(_show_again)])
def add_task(request: Request, uow: ClinicUow, form: Annotated[NewTaskForm, Form()]) -> Response:
    """Set a task."""
    actions.add_tasks(uow, [form.new(_zone(request))])
    return _settled(request, form.lead_id, _("The task is set."))


@router.get("/tasks/{task_id}", name="tasks:task")
def show_task(request: Request, uow: ClinicUow, task_id: UUID) -> Response:
    """Show a task as a form."""
    row = queries.one_task(uow, task_id)
    local = row.due_at.astimezone(_zone(request))
    values = {
        "title": row.title,
        "due_on": local.date(),
        "due_time": "" if row.is_all_day else f"{local:%H:%M}",
        "assignee_id": row.assignee_id,
        "version": row.version,
    }
    return _form(request, uow, values, task_id)


@router.post("/tasks/{task_id}", name="tasks:change", dependencies=[shows_again(_show_again)])
def change_task(
    request: Request, uow: ClinicUow, task_id: UUID, form: Annotated[ChangeTaskForm, Form()]
) -> Response:
    """Change what is to be done, when or by whom."""
    task = actions.change_task(uow, form.change(task_id, _zone(request)))
    return _settled(request, task.lead_id, _("The task is saved."))


@router.post("/tasks/settle/done", name="tasks:finish")
def finish(request: Request, uow: ClinicUow, form: Annotated[SettleForm, Form()]) -> Response:
    """Mark tasks as done, one or many."""
    done = actions.finish_tasks(uow, form.task_id)
    message = ngettext("%(num)s task is done.", "%(num)s tasks are done.", len(done))
    return _settled(request, form.lead_id, message, undo=done)


@router.post("/tasks/settle/open", name="tasks:reopen")
def reopen(request: Request, uow: ClinicUow, form: Annotated[SettleForm, Form()]) -> Response:
    """Take back that tasks are done."""
    opened = actions.reopen_tasks(uow, form.task_id)
    message = ngettext("%(num)s task is open again.", "%(num)s tasks are open again.", len(opened))
    return _settled(request, form.lead_id, message)


@router.get("/leads/{lead_id}/tasks", name="tasks:of_lead")
def tasks_of_lead(request: Request, uow: ClinicUow, lead_id: UUID) -> Response:
    """Show the panel of a lead's tasks by itself, for a part of its page to be replaced."""
    return _panel(request, uow, uow.get(Lead, lead_id).id)


def lead_panel(request: Request, uow: UnitOfWork, lead_id: UUID) -> str:
    """Return what a lead's page shows of its tasks; nothing to who has none to do with them."""
    if not may(request.state.recognised.membership.role, "tasks:write"):
        return ""
    return Markup(bytes(_panel(request, uow, lead_id).body).decode())


def _panel(request: Request, uow: UnitOfWork, lead_id: UUID) -> Response:
    zone = _zone(request)
    return render_block(
        request,
        "pipelines/tasks_of_lead.html",
        "panel",
        now=uow.now,
        lead_id=lead_id,
        rows=queries.tasks_of_lead(uow, lead_id),
        due=lambda row: due_words(uow, row, zone),
    )


def _form(
    request: Request,
    uow: UnitOfWork,
    values: Mapping[str, Any],
    task_id: UUID | None = None,
    rejected: Rejected | None = None,
) -> Response:
    """Return the form of a task that is new, or is there, as a page or as the part of one."""
    status = rejected.problem.status if rejected else 200
    context: dict[str, Any] = {
        "now": uow.now,
        "values": values,
        "task_id": task_id,
        "members": [(member.id, member.name) for member in colleagues(uow)],
        "errors": rejected.errors if rejected else {},
        "problem": rejected.problem if rejected else None,
        "is_elsewhere": rejected is not None and not rejected.errors.keys() & ASKED,
    }
    if is_htmx(request):
        return render_block(request, "pipelines/task.html", "sheet", status, **context)
    return render(request, "pipelines/task.html", status, **context)


def _settled(
    request: Request, lead_id: UUID | None, message: str, *, undo: Sequence[Task] = ()
) -> Response:
    """Say what was done: to a script beside what it shows, to anybody else on the page before."""
    if is_htmx(request):
        ids = " ".join(str(task.id) for task in undo)
        back = Undo(path_of(request, "tasks:reopen"), {"task_id": ids})
        return toast(Response(status_code=204), message, undo=back if undo else None)
    if lead_id is not None:
        return see_other(request, "pipelines:lead", lead_id=lead_id, message=message)
    return see_other(request, "tasks:list", message=message)
