"""How an email looks: one layout for all, made of the clinic's words and of nothing from elsewhere.

An email is written as plain words. The HTML is those words, escaped, in a layout whose styles stand
in each element; nothing is loaded from anywhere, so opening an email tells nobody. The footer is no
part of a template and so cannot be lost from one: who writes, from which place, why, and the way
out (LAW-40). What is needed to care for somebody has no way out, and may sell nothing (LAW-41).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from crm.web.language import gettext

FOOT = "\n\n--\n"
"""What stands between an email's words and its footer, in its text part."""

ESSENTIAL = ("system",)
"""Classes of emails that nobody can unsubscribe from: receipts of what one did oneself (A11)."""

_INK, _FAINT, _LINE, _PAPER, _ACCENT = "#1d2733", "#5b6875", "#dce1e6", "#f4f6f8", "#0b6e75"
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_URL = re.compile(r"https://[^\s<>\"'{}|\\^`]+")
_TRAILING = ".,;:!?)"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: what every email of a clinic names."""

    name: str
    postal_address: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Email:
    """An email as it leaves, in its two forms."""

    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


def links_of(source: str) -> frozenset[str]:
    """Return the addresses that a template itself writes out: only they become links.

    What a merge field says never does: a name is somebody's own word, and may be anything.
    """
    return frozenset(url.rstrip(_TRAILING) for url in _URL.findall(source))


def compose(
    subject: str,
    body: str,
    letterhead: Letterhead,
    *,
    message_class: str,
    language: str,
    unsubscribe_url: str | None,
    links: frozenset[str] = frozenset(),
) -> Email:
    """Return an email with its layout and its footer.

    Raises ValueError for one that must have a way out and has none (LAW-40).
    """
    if (unsubscribe_url is None) != (message_class in ESSENTIAL):
        raise ValueError(f"a {message_class} email with unsubscribe_url={bool(unsubscribe_url)}")
    why = reason(message_class, letterhead.name, language)
    way_out = gettext(language, "Unsubscribe, or choose what you get")
    place = [line for line in (letterhead.postal_address or "").splitlines() if line.strip()]
    who = [letterhead.name, *place, *([letterhead.phone] if letterhead.phone else [])]
    says_out = [f"{way_out}: {unsubscribe_url}"] if unsubscribe_url else []
    text = FOOT.join([body, "\n".join([*who, "", why, *says_out])])
    footer = [*who, "", why]
    link = _link(unsubscribe_url, way_out, _FAINT) if unsubscribe_url else ""
    return Email(
        subject, text, _html(subject, body, letterhead.name, language, footer, link, links)
    )


def said_in(text: str) -> str:
    """Return an email's own words of its text part: without the footer, whose link is another's."""
    words, _foot, footer = text.rpartition(FOOT)
    return words or footer


def reason(message_class: str, clinic: str, language: str) -> str:
    """Return why somebody gets an email: its class, as people read it in a language (A11)."""
    if message_class == "marketing":
        words = gettext(
            language, "This is an offer or news: you agreed to get these from %(clinic)s."
        )
    elif message_class in ESSENTIAL:
        words = gettext(language, "%(clinic)s writes this about something that you did.")
    else:
        words = gettext(
            language, "This is about your request or your visits: you wrote to %(clinic)s."
        )
    return words % {"clinic": clinic}


def _html(
    subject: str,
    body: str,
    name: str,
    language: str,
    footer: Sequence[str],
    way_out: str,
    links: frozenset[str],
) -> str:
    paragraphs = "".join(
        f'<p style="margin:0 0 16px">{_lines(paragraph, links)}</p>'
        for paragraph in re.split(r"\n\s*\n", body)
    )
    small = "<br>".join(escape(line) for line in footer)
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light"><title>{escape(subject)}</title></head>'
        f'<body style="margin:0;padding:0;background:{_PAPER}">'
        f'<table role="presentation" width="100%" cellspacing="0" cellpadding="0" '
        f'style="background:{_PAPER}"><tr><td align="center" style="padding:24px 12px">'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0" '
        f'style="max-width:600px;background:#ffffff;border:1px solid {_LINE};border-radius:8px">'
        f'<tr><td style="padding:20px 28px;border-bottom:3px solid {_ACCENT};{_FONT};'
        f'font-size:18px;font-weight:600;color:{_INK}">{escape(name)}</td></tr>'
        f'<tr><td style="padding:28px 28px 12px;{_FONT};font-size:16px;line-height:1.5;'
        f'color:{_INK}">{paragraphs}</td></tr>'
        f'<tr><td style="padding:16px 28px 24px;border-top:1px solid {_LINE};{_FONT};'
        f'font-size:13px;line-height:1.5;color:{_FAINT}">{small}'
        f"{'<br>' + way_out if way_out else ''}</td></tr>"
        "</table></td></tr></table></body></html>"
    )


def _lines(paragraph: str, links: frozenset[str]) -> str:
    """Return a paragraph with its lines kept, and the template's own addresses as links."""
    parts = [paragraph]
    if links:
        longest_first = sorted(links, key=len, reverse=True)
        parts = re.split(f"({'|'.join(map(re.escape, longest_first))})", paragraph)
    return "".join(
        _link(part, part, _ACCENT) if part in links else escape(part).replace("\n", "<br>")
        for part in parts
    )


def _link(url: str, words: str, colour: str) -> str:
    return f'<a href="{escape(url)}" style="color:{colour}">{escape(words)}</a>'
