"""How errors are answered: problem+json to programs, a page with a next step to people (SEC-13)."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from jinja2 import TemplateError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from crm.core.errors import Conflict, DomainError, WrongClinic
from crm.web import problems
from crm.web.forms import Rejected
from crm.web.htmx import is_htmx, toast
from crm.web.problems import Problem
from crm.web.templating import render

PROGRAM_PATHS = ("/api/", "/webhooks/")
JSON_TYPES = frozenset({"application/json", "application/problem+json"})
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def install(app: FastAPI) -> None:
    """Answer every error of this application; what nobody handles is answered by `Observe`."""
    app.add_exception_handler(DomainError, _handler(_domain_problem))
    app.add_exception_handler(RequestValidationError, _handler(_validation_problem))
    app.add_exception_handler(HTTPException, answer_http)
    for unreachable in (OperationalError, PoolTimeout):
        app.add_exception_handler(unreachable, _handler(_unreachable_problem))


def wants_json(request: Request) -> bool:
    """Return whether the answer is for a program: by its path, or because Accept prefers JSON."""
    if request.url.path.startswith(PROGRAM_PATHS):
        return True
    likings = _likings(request.headers.get("accept", ""))
    as_json = max((q for kind, q in likings if kind in JSON_TYPES), default=0.0)
    as_html = max((q for kind, q in likings if kind in HTML_TYPES), default=0.0)
    return as_json > as_html


def answer(request: Request, problem: Problem) -> Response:
    """Return the response to a problem, in the form and the language that the request wants."""
    request_id = getattr(request.state, "request_id", "")
    if wants_json(request):
        # ASCII only: a field name made of a lone surrogate has no UTF-8.
        return Response(
            json.dumps(problem.as_json(request_id)),
            problem.status,
            dict(problem.headers),
            media_type="application/problem+json",
        )
    if is_htmx(request):
        # The page stands as it was; what is the matter, and what to do, is said over it.
        words = ". ".join(part.rstrip(".") for part in problem.sentences)
        response = toast(Response(status_code=problem.status), f"{words}.", tone="bad")
        response.headers.update(problem.headers)
        return response
    response = render(request, "error.html", problem.status, problem=problem, request_id=request_id)
    response.headers.update(problem.headers)
    return response


def answer_domain(request: Request, error: DomainError) -> Response:
    """Return the response to a domain error that was found outside of the routes."""
    return answer(request, problems.of_domain(error))


def answer_crash(request: Request) -> Response:
    """Return the 500 of what nobody handled: generic words and the request's id (SEC-13)."""
    try:
        return answer(request, problems.of_status(500))
    except (TemplateError, LookupError, AttributeError):
        # The error page itself is broken; the person still gets an answer and an id.
        request_id = getattr(request.state, "request_id", "")
        return PlainTextResponse(f"Internal error {request_id}", 500)


def _handler(
    understand: Callable[[Request, Exception], Problem],
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        problem = understand(request, error)
        show_again = getattr(request.state, "show_again", None)
        if _is_mendable(problem, error) and show_again is not None and not wants_json(request):
            rejected = await Rejected.of(request, problem)
            try:
                response: Response = await run_in_threadpool(show_again, request, rejected)
                return response
            except DomainError as gone:
                problem = problems.of_domain(gone)
        return await run_in_threadpool(answer, request, problem)

    return handle


def _is_mendable(problem: Problem, error: Exception) -> bool:
    """Return whether the form's own page, shown again as it was typed, is where one goes on."""
    is_conflict = isinstance(error, Conflict) and not isinstance(error, WrongClinic)
    return problem.status == 422 or is_conflict


def _domain_problem(_request: Request, error: Exception) -> Problem:
    assert isinstance(error, DomainError)
    return problems.of_domain(error)


def _validation_problem(request: Request, error: Exception) -> Problem:
    assert isinstance(error, RequestValidationError)
    findings = error.errors()
    if not wants_json(request) and any(finding["loc"][:1] == ("path",) for finding in findings):
        return problems.of_status(404)  # a page's address with a broken id is a page that is not
    problem = problems.of_findings(findings)
    look_further = getattr(request.state, "look_further", None)
    if look_further is None:
        return problem
    return replace(problem, fields={**look_further(error.body), **problem.fields})


def _http_problem(_request: Request, error: Exception) -> Problem:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and error.__cause__ is not None:
        return problems.unreadable_body()
    return problems.of_status(error.status_code, error.headers)


def _unreachable_problem(_request: Request, _error: Exception) -> Problem:
    return problems.unavailable()


def _likings(accept: str) -> list[tuple[str, float]]:
    found = []
    for part in accept.split(",")[:20]:
        kind, _sep, rest = part.partition(";")
        try:
            liking = float(rest.partition("q=")[2] or 1)
        except ValueError:
            liking = 0.0
        found.append((kind.strip().lower(), liking))
    return found


answer_http = _handler(_http_problem)
"""Answer what the framework refused, such as an address that is not."""
