"""What went wrong, in the shape that is answered: problem+json for programs, words for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm.core.errors import N_, DomainError, TooMany
from crm.web.language import _

MAX_FIELD_NAME = 80
MAX_FIELDS = 50
RETRY_SECONDS = 5

# What a person does next, by status: no error page is a dead end.
NEXT_STEP: Mapping[int, str] = {
    400: N_("Go back and try again."),
    401: N_("Sign in and try again."),
    403: N_("Go back, load the page again and try once more."),
    404: N_("Check the address, or go back to where you were."),
    405: N_("Go back and try again."),
    409: N_("Go back, load the page again and look at what has changed."),
    413: N_("Send less at once and try again."),
    422: N_("Go back, correct the entries and send them again."),
    429: N_("Wait a little and try again."),
    500: N_("Nothing was saved. Try again; if it happens again, tell us the number below."),
    503: N_("Wait a few seconds and try again. Nothing was saved."),
}

_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", N_("We could not read that")),
    401: ("unauthenticated", N_("Please sign in")),
    403: ("forbidden", N_("You are not allowed to do that")),
    404: ("not_found", N_("We could not find that")),
    405: ("method_not_allowed", N_("This address does not accept that")),
    409: ("conflict", N_("That clashes with something that is already there")),
    413: ("too_large", N_("That is too large")),
    415: ("unsupported_media_type", N_("This kind of content is not accepted")),
    422: ("invalid", N_("Please check what you entered")),
    429: ("too_many", N_("Too many attempts")),
    500: ("internal", N_("Something went wrong on our side")),
    503: ("unavailable", N_("We are busy for a moment")),
}

_SEE_ERRORS = N_("Each wrong field is named under errors, with what to do.")

_NO_OBJECT = N_("Give a JSON object with named fields, as Content-Type: application/json.")

# What each of the validator's findings means to a person; `%(x)s` is filled from its context.
_FINDINGS: Mapping[str, str] = {
    "missing": N_("This is needed."),
    "extra_forbidden": N_("This field is not known here; leave it out."),
    "json_invalid": N_("This is not valid JSON (at character %(position)s)."),
    "string_type": N_("Write this as text."),
    "string_unicode": N_("This text is damaged; type it again."),
    "string_too_long": N_("Use at most %(max_length)s characters."),
    "string_too_short": N_("Use at least %(min_length)s characters."),
    "string_pattern_mismatch": N_("This does not have the expected form."),
    "too_long": N_("Give at most %(max_length)s."),
    "too_short": N_("Give at least %(min_length)s."),
    "int_type": N_("Write this as a whole number."),
    "int_parsing": N_("Write this as a whole number."),
    "int_from_float": N_("Write this as a whole number."),
    "int_parsing_size": N_("This number is too large."),
    "float_type": N_("Write this as a number."),
    "float_parsing": N_("Write this as a number."),
    "decimal_parsing": N_("Write this as a number."),
    "finite_number": N_("Write this as a number."),
    "bool_type": N_("Answer with true or false."),
    "bool_parsing": N_("Answer with true or false."),
    "greater_than": N_("This must be more than %(gt)s."),
    "greater_than_equal": N_("This must be at least %(ge)s."),
    "less_than": N_("This must be less than %(lt)s."),
    "less_than_equal": N_("This must be at most %(le)s."),
    "literal_error": N_("Choose one of: %(expected)s."),
    "enum": N_("Choose one of: %(expected)s."),
    "uuid_type": N_("This is not a valid id."),
    "uuid_parsing": N_("This is not a valid id."),
    "date_parsing": N_("Write this as a date, such as 2026-03-31."),
    "date_from_datetime_parsing": N_("Write this as a date, such as 2026-03-31."),
    "datetime_parsing": N_("Write this as a date and time, such as 2026-03-31T14:30:00Z."),
    "datetime_from_date_parsing": N_(
        "Write this as a date and time, such as 2026-03-31T14:30:00Z."
    ),
    "timezone_aware": N_("Give the time zone with the time."),
    "url_parsing": N_("This is not a valid web address."),
    "url_scheme": N_("This is not a valid web address."),
    "dict_type": _NO_OBJECT,
    "model_type": _NO_OBJECT,
    "model_attributes_type": N_(
        "Give a JSON object with named fields, as Content-Type: application/json."
    ),
    "list_type": N_("Give a list."),
}

_SOURCES = frozenset({"body", "query", "path", "header", "cookie"})


@dataclass(frozen=True)
class Problem:
    """One refused request: already in the request's language, fit to be shown."""

    status: int
    code: str
    title: str
    detail: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def next_step(self) -> str:
        """What the person can do now."""
        return _(NEXT_STEP.get(self.status, NEXT_STEP[400]))

    @property
    def sentences(self) -> list[str]:
        """What is the matter and what to do, for where there is room for a line."""
        return [self.title, *(self.fields.values() or [self.detail or self.next_step])]

    def as_json(self, request_id: str) -> dict[str, Any]:
        """Return the members of RFC 9457, with `errors` naming each wrong field."""
        members: dict[str, Any] = {
            "type": f"urn:frontdesk:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or (_(_SEE_ERRORS) if self.fields else self.next_step),
            "instance": request_id,
        }
        if self.fields:
            members["errors"] = [
                {"field": name, "message": message} for name, message in self.fields.items()
            ]
        return members


def of_domain(error: DomainError) -> Problem:
    """Return a domain error as a problem; an internal one keeps its words to itself."""
    if error.status >= 500:
        return of_status(500)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(
        error.status,
        error.code,
        _(error.title),
        _(error.detail),
        {name: _(message) for name, message in error.fields.items()},
        headers,
    )


def of_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """Return the plain problem of an HTTP status; the library's English words are not shown."""
    known = _STATUS.get(status) or _STATUS[500 if status >= 500 else 400]
    return Problem(status, known[0], _(known[1]), headers=dict(headers or {}))


def unreadable_body() -> Problem:
    """Return the problem of a body that is not text at all, such as broken UTF-8."""
    message = _("This could not be read; send valid UTF-8.")
    return Problem(422, "invalid", _(_STATUS[422][1]), fields={"body": message})


def unavailable() -> Problem:
    """Return the problem of a database that cannot be reached or is overloaded."""
    return of_status(503, {"Retry-After": str(RETRY_SECONDS)})


def of_findings(findings: Sequence[Any]) -> Problem:
    """Return what the validator found, one human message a field."""
    fields: dict[str, str] = {}
    for finding in findings[:MAX_FIELDS]:
        fields.setdefault(field_name(finding), human_message(finding))
    return Problem(422, "invalid", _(_STATUS[422][1]), fields=fields)


def field_name(finding: Mapping[str, Any]) -> str:
    """Return the field that a finding is about, as the sender wrote it: `contact.phone`, `body`."""
    where = [str(part) for part in finding.get("loc", ())]
    if finding.get("type") == "json_invalid" or not where:
        return "body"
    if len(where) > 1 and where[0] in _SOURCES:
        where = where[1:]
    return ".".join(where)[:MAX_FIELD_NAME].encode("utf-8", "replace").decode()


def human_message(finding: Mapping[str, Any]) -> str:
    """Return what to do about a finding; our own validators' words are translated."""
    kind = str(finding.get("type", ""))
    context = dict(finding.get("ctx") or {})
    if kind == "json_invalid":
        return _(_FINDINGS[kind], position=finding["loc"][-1])
    if kind == "value_error":
        return _(str(context.get("error", "")))
    if kind in _FINDINGS:
        return _(_FINDINGS[kind], **context)
    if kind.startswith("frontdesk_"):
        return _(str(finding.get("msg", "")))
    return _("This is not valid.")
