"""Guessing is slowed down; the one whose account it is gets in (SEC-5)."""

import threading
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
import redis
from fastapi import FastAPI

from crm.accounts.passwords import Passwords
from crm.accounts.throttle import EVERYBODY, PER_ACCOUNT, PER_IP, Attempt, Throttle, _told
from crm.core.errors import TooMany
from crm.core.settings import Settings
from tests.accounts.conftest import EMAIL, Browser, CountingHasher, People

WRONG = "wrong wrong wrong"


@pytest.fixture(autouse=True)
def empty_redis(settings: Settings) -> Iterator[None]:
    with redis.Redis.from_url(settings.redis_url or "") as client:
        client.flushdb()
        yield
        # Whoever signs in after this file is nobody who failed in it.
        client.flushdb()


def test_an_attacker_is_stopped_while_his_victim_signs_in(
    new_browser: Callable[..., Browser], people: People, clinic: UUID, hasher: CountingHasher
) -> None:
    people.add(clinic)
    victim = new_browser(ip="198.51.100.1")
    victim.sign_in()
    victim.submit("/probe", "/sign-out")
    attackers = [new_browser(ip=f"203.0.113.{n}") for n in range(6)]

    for attacker in attackers[:5]:
        assert {attacker.sign_in(password=WRONG).status_code for _ in range(10)} == {422}
    stopped = attackers[5].sign_in(password=WRONG)
    before = hasher.verified
    stopped_again = attackers[0].sign_in()

    assert stopped.status_code == stopped_again.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= PER_ACCOUNT.get_expiry()
    assert hasher.verified == before, "a refused attempt costs no hash"
    assert victim.sign_in().status_code == 303


def test_ten_failures_at_one_place_are_the_limit_and_a_success_forgets_them(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)

    for _ in range(2):
        for _ in range(9):
            assert browser.sign_in(password=WRONG).status_code == 422
        assert browser.sign_in().status_code == 303
        browser.submit("/probe", "/sign-out")

    for _ in range(10):
        browser.sign_in(password=WRONG)
    assert browser.sign_in().status_code == 429


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Try again in {} minutes."), ("es", "dentro de {} minutos.")]
)
def test_who_is_stopped_is_told_for_how_many_minutes(
    browser: Browser, people: People, clinic: UUID, language: str, words: str
) -> None:
    people.add(clinic)
    browser.headers["Accept-Language"] = language
    for _ in range(10):
        browser.sign_in(password=WRONG)

    stopped = browser.sign_in()

    minutes = -(-int(stopped.headers["retry-after"]) // 60)
    assert words.format(minutes) in stopped.text
    assert "Wait a little" not in stopped.text


def test_the_last_minute_is_one_minute() -> None:
    assert _told(1).endswith("Try again in 1 minute.")
    assert _told(60).endswith("Try again in 1 minute.")
    assert _told(61).endswith("Try again in 2 minutes.")


def test_a_device_cookie_that_we_did_not_sign_is_no_privilege(
    browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)
    for _ in range(10):
        browser.sign_in(password=WRONG)

    browser.cookies.set("__Host-device", "made-up.signature", domain="testserver.local")

    assert browser.sign_in().status_code == 429


def test_a_device_known_to_one_account_is_a_stranger_to_another() -> None:
    throttle = Throttle(None)
    known = Attempt("account", "203.0.113.1", "device")
    for _ in range(PER_ACCOUNT.amount):
        throttle.failed(Attempt("account", "203.0.113.9"))

    throttle.check(known)
    with pytest.raises(TooMany):
        throttle.check(Attempt("account", "203.0.113.1"))


def test_one_address_trying_many_accounts_is_stopped() -> None:
    throttle = Throttle(None)
    for number in range(PER_IP.amount):
        throttle.failed(Attempt(f"account {number}", "203.0.113.9"))

    with pytest.raises(TooMany):
        throttle.check(Attempt("another", "203.0.113.9"))
    throttle.check(Attempt("another", "203.0.113.10"))


def test_everybody_at_once_is_stopped_but_known_browsers_are_not() -> None:
    throttle = Throttle(None)
    for number in range(EVERYBODY.amount):
        throttle.failed(Attempt(f"account {number}", f"address {number}"))

    with pytest.raises(TooMany):
        throttle.check(Attempt("another", "another"))
    throttle.check(Attempt("another", "another", "device"))


def test_failures_are_counted_while_redis_is_gone() -> None:
    throttle = Throttle("redis://127.0.0.1:1/0")
    attempt = Attempt("account", "203.0.113.9")

    for _ in range(10):
        throttle.check(attempt)
        throttle.failed(attempt)

    with pytest.raises(TooMany):
        throttle.check(attempt)
    throttle.succeeded(attempt)
    throttle.check(attempt)


def test_processes_share_their_counts_and_redis_learns_no_address(settings: Settings) -> None:
    here, there = Throttle(settings.redis_url), Throttle(settings.redis_url)
    attempt = Attempt("kim@riverside.example", "203.0.113.9")
    for _ in range(10):
        here.failed(attempt)

    with pytest.raises(TooMany):
        there.check(attempt)
    with redis.Redis.from_url(settings.redis_url or "") as client:
        keys = b" ".join(client.keys())
    assert keys
    assert b"kim" not in keys
    assert b"203.0" not in keys


def test_hashing_takes_two_threads_at_most() -> None:
    passwords = Passwords(CountingHasher(), at_once=2, waiting=4)
    inside, go_on = threading.Semaphore(0), threading.Event()

    def hash_slowly() -> None:
        with passwords.slot():
            inside.release()
            go_on.wait(10)

    threads = [threading.Thread(target=hash_slowly) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=10)
    assert inside.acquire(timeout=10)
    assert not inside.acquire(timeout=0.1), "a third one got in"
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert all(inside.acquire(timeout=10) for _ in range(3))


def test_a_full_queue_is_refused() -> None:
    passwords = Passwords(CountingHasher(), at_once=1, waiting=0)

    with passwords.slot(), pytest.raises(TooMany), passwords.slot():
        pytest.fail("there was no place left")
    with passwords.slot():
        pass


def test_a_flooded_sign_in_is_answered_and_not_stalled(
    app: FastAPI, browser: Browser, people: People, clinic: UUID
) -> None:
    people.add(clinic)
    full = Passwords(CountingHasher(), at_once=1, waiting=0)
    object.__setattr__(app.state.accounts, "passwords", full)

    with full.slot():
        answer = browser.sign_in(EMAIL)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
