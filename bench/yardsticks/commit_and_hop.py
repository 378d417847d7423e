"""Yardstick of PF-6: a stage change commits, and a stock Dramatiq hop calls the provider.

The system is idle between the samples: each waits 0.5 to 1.5 s after the one before.
"""

import argparse
import random
import time
from dataclasses import dataclass
from threading import Event

import dramatiq
import psycopg
import urllib3
from dramatiq.brokers.redis import RedisBroker

from bench.load import percentile
from bench.yardsticks.support import children, own_database, run_worker, show
from tests.fakes.provider import ProviderStandIn

QUEUE = "hop"
SENDER = "+12025550100"
TO = "+12025550143"
_WAIT_S = (0.5, 1.5)
_SCHEMA = "CREATE TABLE leads AS SELECT 1 AS id, 0 AS stage"


@dataclass(frozen=True)
class CommitAndHop:
    """Milliseconds from the statement that moves the lead to the request at the provider."""

    samples: int
    p50_ms: float
    p99_ms: float


def measure(
    admin_url: str,
    redis_url: str,
    provider: ProviderStandIn,
    *,
    samples: int = 60,
) -> CommitAndHop:
    """Move a lead so many times, and see in the provider's ledger when each call began."""
    account = (provider.url, provider.account_sid, provider.auth_token)
    broker, call = _declare(redis_url, account)
    broker.flush(QUEUE)
    idle, dice = Event(), random.Random(1)
    moved: dict[str, int] = {}
    arguments = ["--redis-url", redis_url, "--provider", *account]
    with (
        own_database(admin_url, "frontdesk_yardstick_hop") as url,
        psycopg.connect(url) as connection,
        children(1, "bench.yardsticks.commit_and_hop", arguments),
    ):
        connection.execute(_SCHEMA)
        connection.commit()
        for number in range(samples):
            idle.wait(dice.uniform(*_WAIT_S))
            body = f"Moved {number}"
            moved[body] = time.monotonic_ns()
            connection.execute("UPDATE leads SET stage = stage + 1 WHERE id = 1")
            connection.commit()
            call.send(body)
        broker.join(QUEUE, timeout=60_000)
    broker.client.close()
    # The last run's texts come last, so they win over those of an earlier run.
    arrived = {asked.body: asked.begun_ns for asked in provider.ledger()}
    latencies = [(arrived[body] - start) / 1e6 for body, start in moved.items()]
    return CommitAndHop(samples, percentile(latencies, 50), percentile(latencies, 99))


def _declare(
    redis_url: str, account: tuple[str, str, str]
) -> tuple[RedisBroker, dramatiq.Actor[[str], None]]:
    url, account_sid, token = account
    broker = RedisBroker(url=redis_url)  # type: ignore[no-untyped-call]
    pool = urllib3.PoolManager(headers=urllib3.make_headers(basic_auth=f"{account_sid}:{token}"))
    target = f"{url}/2010-04-01/Accounts/{account_sid}/Messages.json"

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def call(body: str) -> None:
        """Send one text."""
        form = {"To": TO, "From": SENDER, "Body": body}
        answer = pool.request("POST", target, fields=form, encode_multipart=False)
        if answer.status != 201:
            raise RuntimeError(f"The provider answered {answer.status}.")

    return broker, call


def main() -> None:
    """Measure with a provider stand-in of its own, or be the worker process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", default="", help="may create databases")
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--provider", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_worker(_declare(options.redis_url, tuple(options.provider))[0])
    else:
        with ProviderStandIn() as provider:
            show(
                measure(options.database_url, options.redis_url, provider, samples=options.samples)
            )


if __name__ == "__main__":
    main()
