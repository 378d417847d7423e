"""Yardstick of PF-1: actors that do nothing, on Dramatiq's own Redis broker as it comes."""

import argparse
import time
from dataclasses import dataclass

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.yardsticks.support import children, run_worker, show

QUEUE = "noop"
_POLL_MS = 5
_WARM_UP = 200


@dataclass(frozen=True)
class NoopActors:
    """Messages per second, from the first that is sent to the last that is acknowledged."""

    messages: int
    seconds: float
    rate: float


def measure(redis_url: str, *, messages: int = 10_000, processes: int = 2) -> NoopActors:
    """Send and run so many messages with so many worker processes of eight threads."""
    broker, noop = _declare(redis_url)
    broker.flush(QUEUE)
    with children(processes, "bench.yardsticks.noop_actors", ["--redis-url", redis_url]):
        _send(broker, noop, _WARM_UP)
        begun = time.perf_counter()
        _send(broker, noop, messages)
        seconds = time.perf_counter() - begun
    broker.client.close()
    return NoopActors(messages, seconds, messages / seconds)


def _send(broker: RedisBroker, noop: dramatiq.Actor[[int], None], messages: int) -> None:
    for number in range(messages):
        noop.send(number)
    broker.join(QUEUE, interval=_POLL_MS, timeout=600_000)


def _declare(redis_url: str) -> tuple[RedisBroker, dramatiq.Actor[[int], None]]:
    broker = RedisBroker(url=redis_url)  # type: ignore[no-untyped-call]

    @dramatiq.actor(broker=broker, queue_name=QUEUE)
    def noop(number: int) -> None:
        """Do nothing."""

    return broker, noop


def main() -> None:
    """Measure, or be one of the worker processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_worker(_declare(options.redis_url)[0])
    else:
        show(measure(options.redis_url, messages=options.messages, processes=options.processes))


if __name__ == "__main__":
    main()
