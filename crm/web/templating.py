"""Pages from templates: one Jinja environment over every package's `templates/` folder."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from crm.core import tally
from crm.web import formats
from crm.web.csrf import CLINIC_HEADER, CSRF_HEADER, VISITOR_COOKIE
from crm.web.flash import FLASH_COOKIE, flash_of
from crm.web.forms import CLINIC_FIELD, CSRF_FIELD
from crm.web.frame import Frame, frame_of
from crm.web.language import _, current_language, plural_form
from crm.web.looks import LOOKS
from crm.web.paths import path_of
from crm.web.state import web_of

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Rendering:
    """The page being made: macros are called without context, so it does not travel in theirs."""

    request: Request
    frame: Frame
    now: datetime | None


_rendering: ContextVar[Rendering] = ContextVar("rendering")


@cache
def environment(folders: tuple[Path, ...]) -> Environment:
    """Return the environment over the packages' `templates/` folders; one of them a process.

    `pipelines/lead.html` is `pipelines/templates/lead.html`, or the same name below the folder
    itself; the layer's own files are found by their bare names (`base.html`, `macros/ui.html`).
    """
    every = [TEMPLATES, *(folder for folder in folders if folder != TEMPLATES)]
    by_package = {folder.parent.name: FileSystemLoader(folder) for folder in every}
    env = Environment(
        loader=ChoiceLoader([PrefixLoader(by_package), FileSystemLoader(every)]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.policies["ext.i18n.trimmed"] = True  # as extraction does
    # The extension adds this method at run time.
    env.install_gettext_callables(_, plural_form, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        url_for=url_for,
        here=here,
        asset=lambda name: web_of(_rendering.get().request).assets.url(name),
        csrf_token=csrf_token,
        guard=guard,
        write_headers=write_headers,
        language=current_language,
        looks=LOOKS,
    )
    env.filters.update(when=_when, phone=_phone, money=formats.money, initials=formats.initials)
    env.filters.update(time_left=formats.time_left)
    env.globals.update(clock_patterns=formats.clock_patterns, due_soon=formats.DUE_SOON)
    env.filters.update(clock=_clock, day=_day, date=_date, ahead=_ahead, amount=formats.amount)
    return env


def render(request: Request, name: str, status_code: int = 200, **context: Any) -> Response:
    """Return a page; what is in `context` is the template's, `now` also moves its times."""
    return _respond(request, name, None, status_code, context)


def render_block(
    request: Request, name: str, block: str, status_code: int = 200, **context: Any
) -> Response:
    """Return one block of a template: the region of a page that a request replaces."""
    return _respond(request, name, block, status_code, context)


def url_for(name: str, /, **params: Any) -> str:
    """Return a route's path."""
    return path_of(_rendering.get().request, name, **params)


def here(**params: str) -> str:
    """Return the page's own address with these query parameters set and its others kept."""
    return f"?{_rendering.get().request.url.include_query_params(**params).query}"


def csrf_token() -> str:
    """Return the token of the page being made, for a form or `hx-headers` (SEC-2)."""
    request = _rendering.get().request
    return web_of(request).csrf.token_for(request)


def guard() -> Markup:
    """Return the hidden fields of every form that writes: the token, and the page's clinic."""
    field = Markup('<input type="hidden" name="{}" value="{}">')
    fields = field.format(CSRF_FIELD, csrf_token())
    clinic_id = _rendering.get().frame.clinic_id
    return fields + field.format(CLINIC_FIELD, clinic_id) if clinic_id is not None else fields


def write_headers() -> str:
    """Return what `guard` says as the headers of the page's scripts: JSON for `hx-headers`."""
    headers = {CSRF_HEADER: csrf_token()}
    clinic_id = _rendering.get().frame.clinic_id
    if clinic_id is not None:
        headers[CLINIC_HEADER] = str(clinic_id)
    return json.dumps(headers)


def _respond(
    request: Request, name: str, block: str | None, status_code: int, context: Mapping[str, Any]
) -> Response:
    web, frame = web_of(request), frame_of(request)
    flash = flash_of(request, web.signer) if block is None else None
    everything = {"request": request, "frame": frame, "flash": flash, **context}
    page = Rendering(request, frame, context.get("now") or frame.now)
    with _rendering_of(page), tally.rendering():
        template = web.templates.get_template(name)
        if block is None:
            html = template.render(everything)
        else:
            html = "".join(template.blocks[block](template.new_context(everything)))
    response = HTMLResponse(html, status_code, {"Content-Language": current_language()})
    response.headers["Vary"] = "Accept-Language, Cookie"
    _set_cookies(request, response, has_flash=flash is not None)
    return response


def _set_cookies(request: Request, response: Response, *, has_flash: bool) -> None:
    if has_flash:
        response.delete_cookie(FLASH_COOKIE, secure=True, httponly=True, samesite="lax")
    visitor = getattr(request.state, "new_visitor", None)
    if visitor is not None:
        response.set_cookie(VISITOR_COOKIE, visitor, secure=True, httponly=True, samesite="lax")


@contextmanager
def _rendering_of(rendering: Rendering) -> Iterator[None]:
    token = _rendering.set(rendering)
    try:
        yield
    finally:
        _rendering.reset(token)


def _when(moment: datetime, zone: ZoneInfo | str | None = None) -> Markup:
    rendering = _rendering.get()
    return formats.when(moment, zone or rendering.frame.zone, _now(rendering))


def _clock(moment: datetime) -> Markup:
    return formats.clock_time(moment, ZoneInfo(_rendering.get().frame.zone))


def _day(moment: datetime) -> str:
    rendering = _rendering.get()
    return formats.day(moment, ZoneInfo(rendering.frame.zone), _now(rendering))


def _date(day: date) -> str:
    rendering = _rendering.get()
    today = _now(rendering).astimezone(ZoneInfo(rendering.frame.zone)).date()
    return formats.short_day(day, today)


def _ahead(moment: datetime) -> str:
    rendering = _rendering.get()
    return formats.moment_ahead(moment, ZoneInfo(rendering.frame.zone), _now(rendering))


def _now(rendering: Rendering) -> datetime:
    if rendering.now is None:
        raise ValueError("a page that shows times is rendered with now=uow.now")
    return rendering.now


def _phone(e164: str) -> str:
    return formats.phone(e164, _rendering.get().frame.region)
