"""Where a visitor of a form comes from: the landing page and campaign that his browser names.

Only what stands in the address of the visit is kept, nothing outlives the page (S25).
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request

LONGEST_PAGE = 500
LONGEST_VALUE = 200
MOST_FIELDS = 20
LONGEST_QUERY = 5000
_FIELD = re.compile(r"utm_[a-z0-9_]{1,36}|gclid|gbraid|wbraid|msclkid|fbclid|ttclid", re.ASCII)


def landing_page(request: Request) -> str:
    """Return the page the visitor came from, without its query, or nothing."""
    given = request.query_params.get("landing_page")
    page = given if given is not None else request.headers.get("referer", "")
    return clean_page(page, request.url.netloc)


def clean_page(page: str, own_host: str = "") -> str:
    """Return a page's address without query and fragment; nothing for our own and for no page."""
    try:
        parts = urlsplit(page)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.netloc == own_host:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return _printable(f"{parts.scheme}://{host}{parts.path}")[:LONGEST_PAGE]


def campaign(request: Request) -> dict[str, str]:
    """Return the campaign fields of the visit's address, else those of the page before it."""
    own = clean_campaign(request.query_params.items())
    if own:
        return own
    return read_campaign(request.headers.get("referer", "").partition("?")[2].partition("#")[0])


def read_campaign(query: str) -> dict[str, str]:
    """Return the campaign fields of a query string; whatever else it holds is dropped."""
    try:
        return clean_campaign(parse_qsl(query[:LONGEST_QUERY], max_num_fields=100))
    except ValueError:
        return {}


def clean_campaign(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keep the known fields, cut to what is stored: nobody can correct what he does not see."""
    kept = [
        (name.lower(), _printable(value)[:LONGEST_VALUE])
        for name, value in fields
        if _FIELD.fullmatch(name.lower()) and value
    ]
    return dict(kept[:MOST_FIELDS])


def as_query(fields: Mapping[str, str]) -> str:
    """Return fields as a query string, for a hidden field or a link."""
    return urlencode({name: value for name, value in fields.items() if value})


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char != "\ufffd")
