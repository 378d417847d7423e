"""Robots, double clicks, floods and hostile words at the public form."""

import re
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlmodel import select

from crm.core.clock import Clock
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from pipelines.intake import add_request_form
from pipelines.models import Pipeline
from tests.webhooks.intake_support import NOTHING, TYPED, Edge, fill, open_edge, post
from webhooks.intake import rates

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7777}}'--"


def test_broken_bytes_and_huge_bodies_are_refused(edge: Edge, clock: Clock) -> None:
    address = f"/f/{edge.form_key}"
    form = {"content-type": "application/x-www-form-urlencoded"}
    broken = edge.client.post(address, content=b"name=%ff%fe&phone=2125550142", headers=form)
    assert broken.status_code == 422
    assert edge.client.post(address, content=b"x" * 70_000, headers=form).status_code == 413
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    assert edge.client.post(address, content=b"--x\r\n", headers=multipart).status_code in (
        400,
        422,
    )
    assert edge.stored() == NOTHING


def test_a_double_click_is_one_request_and_a_changed_one_another(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: post(edge, {**hidden, **TYPED})[0], range(8)))
    assert set(statuses) == {303}
    assert edge.stored()["AppointmentRequest"] == 1
    assert post(edge, {**hidden, **TYPED, "message": "Mañana, por favor"})[0] == 303
    assert edge.stored() | {"Address": 1} == {
        **NOTHING,
        "Address": 1,
        "AppointmentRequest": 2,
        "Contact": 1,
        "Lead": 1,
    }


def test_robots_are_asked_to_send_it_once_more(edge: Edge, clock: Clock) -> None:
    hasty = edge.show()
    del hasty["page"]
    patient = fill(edge, clock)
    hasty_again = edge.show()
    del hasty_again["page"]
    for suspicious in (
        {**hasty_again, **TYPED},
        {**patient, **TYPED, "website": "https://spam.example"},
        {**patient, **TYPED, "token": patient["token"][:-2]},
        {**patient, **TYPED, "token": ""},
        TYPED,
    ):
        status, page, _ = post(edge, suspicious)
        assert status == 422
        assert "Please send it once more" in page
        assert "Me duele una muela" in page
    assert edge.stored() == NOTHING
    # Whoever was only too fast, or had no token, sends what the page holds and is taken.
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    clock.advance(seconds=3)
    assert post(edge, {**again, **TYPED})[0] == 303
    assert post(edge, {**hasty, **TYPED})[0] == 303


def test_a_token_serves_one_form_for_a_day(edge: Edge, clock: Clock) -> None:
    with edge.runtime.database.transaction(edge.clinic, SYSTEM) as uow:
        pipeline = uow.session.scalars(select(Pipeline)).one()
        other = add_request_form(uow, "Other", pipeline.id, []).key
    hidden = fill(edge, clock)
    mine, edge.form_key = edge.form_key, other
    assert post(edge, {**hidden, **TYPED})[0] == 422
    edge.form_key = mine
    clock.advance(hours=25)
    assert post(edge, {**hidden, **TYPED})[0] == 422
    assert edge.stored() == NOTHING


def test_a_clock_set_back_does_not_make_a_patient_a_robot(edge: Edge, clock: Clock) -> None:
    hidden = fill(edge, clock)
    clock.advance(hours=-3)
    status, page, _ = post(edge, {**hidden, **TYPED})
    assert status == 422
    again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    clock.advance(seconds=5)
    assert post(edge, {**again, **TYPED})[0] == 303


def test_many_posts_are_slowed_down_and_lose_nothing(
    edge: Edge, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "PER_PLACE", rates.RateLimitItemPerMinute(2))
    hidden = fill(edge, clock)
    answers = [post(edge, {**hidden, **TYPED}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [303, 303, 422]
    assert "Many requests came at once" in answers[2][1]
    assert "Me duele una muela" in answers[2][1]


def test_hostile_words_are_only_words(edge: Edge, clock: Clock) -> None:
    query = {"utm_source": HOSTILE, "lang": "en", "landing_page": f"https://a.example/{HOSTILE}"}
    page = edge.client.get(f"/f/{edge.form_key}", params=query).text
    assert "<script" not in page
    assert "<img" not in page
    hidden = fill(edge, clock)
    typed = {"name": HOSTILE, "phone": HOSTILE, "email": HOSTILE, "message": HOSTILE}
    status, page, _ = post(edge, {**hidden, **typed, "campaign": HOSTILE, "landing_page": HOSTILE})
    assert status == 422
    assert "<script" not in page
    assert "<img" not in page
    assert "54439" not in page


def test_forms_work_while_redis_is_gone(runtime: Runtime, clinic: UUID, clock: Clock) -> None:
    runtime.settings.redis_url = "redis://127.0.0.1:1/0"
    edge = open_edge(runtime, clinic)
    assert post(edge, {**fill(edge, clock), **TYPED})[0] == 303
