"""What stands around the pages of a signed-in user."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from babel.dates import format_time
from starlette.requests import Request

from crm.accounts.actions.logins import Recognised
from crm.accounts.roles import capabilities_of, may
from crm.core.settings import Settings
from crm.web.frame import Banner, Frame, NavGroup, NavItem
from crm.web.language import _, current_language
from crm.web.middleware.language import COOKIE
from crm.web.paths import path_of


@dataclass(frozen=True)
class NavEntry:
    """One entry of the rail, or of a group of the settings, for whoever has the capability.

    Without a capability it is everybody's. `label`, `hint` and `group` are marked with `N_`;
    `count` names the one of `Watched.counts` that is shown beside it; `beside` are the addresses of
    what it leads to and does not lie below it.
    """

    label: str
    href: str
    icon: str
    capability: str
    is_for_demo: bool = False
    count: str | None = None
    group: str = ""
    hint: str = ""
    beside: tuple[str, ...] = ()


def frame_for(request: Request, who: Recognised, settings: Settings) -> Frame:
    """Return the frame of a user's pages; `app.state.nav` holds the product's `NavEntry`s."""
    root = request.scope.get("root_path", "")
    entries = [
        entry
        for entry in getattr(request.app.state, "nav", ())
        if (not entry.capability or may(who.membership.role, entry.capability))
        and (settings.is_demo or not entry.is_for_demo)
    ]
    return Frame(
        clinic_id=who.clinic.id,
        clinic_name=who.clinic.name,
        user_name=who.user.name,
        nav=[_item(entry, who, root) for entry in entries if not entry.group],
        sections=_sections(entries, who, root),
        links=_links(request, who),
        banners=[Banner(_(each.message), f"{root}{each.href}") for each in who.banners],
        counts=who.counts,
        ribbon=_demo_ribbon(who) if settings.is_demo else "",
        zone=who.user.timezone or who.clinic.timezone,
        region=who.clinic.region,
        now=who.now,
        can=capabilities_of(who.membership.role),
        bars=getattr(request.app.state, "bars", ()),
        theme=who.user.theme,
        has_shortcuts=who.user.has_shortcuts,
    )


def _sections(entries: Sequence[NavEntry], who: Recognised, root: str) -> list[NavGroup]:
    groups = dict.fromkeys(entry.group for entry in entries if entry.group)
    return [
        NavGroup(_(group), [_item(each, who, root) for each in entries if each.group == group])
        for group in groups
    ]


def _links(request: Request, who: Recognised) -> dict[str, str]:
    names = ["sign_out", "profile", "theme", "live"]
    if who.login.clinics > 1:
        names.append("choose_clinic")
    return {name: path_of(request, f"accounts:{name}") for name in names}


def _item(entry: NavEntry, who: Recognised, root: str) -> NavItem:
    hint = _(entry.hint) if entry.hint else ""
    count = who.counts[entry.count] if entry.count else 0
    beside = [f"{root}{one}" for one in entry.beside]
    return NavItem(_(entry.label), f"{root}{entry.href}", entry.icon, count, hint, beside)


def _demo_ribbon(who: Recognised) -> str:
    local = who.now.astimezone(ZoneInfo(who.clinic.timezone))
    return _(
        "This is a demo with a clock of its own: in %(clinic)s it is %(time)s.",
        clinic=who.clinic.name,
        time=format_time(local, "short", tzinfo=local.tzinfo, locale=current_language()),
    )


def language_for(request: Request, who: Recognised) -> str:
    """Return the user's language, unless this address or this browser was told another one."""
    if "lang" in request.query_params or COOKIE in request.cookies:
        return str(request.state.language)
    return who.user.language
