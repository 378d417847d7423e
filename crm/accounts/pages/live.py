"""The stream of an open page: what changed in the clinic, as ids (ADR 15)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from crm.accounts.deps import CurrentLogin
from crm.accounts.roles import may
from crm.web import live

router = APIRouter()

MOST_TOPICS = 50


@router.get(live.PATH, name="accounts:live")
def events(
    request: Request, login: CurrentLogin, topics: str = "", cid: str = "", age: float = 0.0
) -> Response:
    """Tell a page what changes: `topics` are comma-separated, of those that the role may read.

    `cid` is the page's own id, whose changes it knows; `age` is for how many seconds it may have
    missed something.
    """
    hub: live.Hub = request.app.state.live
    allowed = [topic for topic in hub.topics if may(login.role, topic.capability)]
    listener = live.Listener(
        clinic_id=login.clinic_id,
        login_id=login.login_id,
        topics=live.keys_of(allowed, topics.split(",")[:MOST_TOPICS]),
        client_id=live.client_of(cid),
        age=max(age, 0.0),
    )
    return live.Stream(hub, listener)
