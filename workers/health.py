"""Is this process alive, may it serve, and how deep is the work: for operators and their tools."""

from collections.abc import Callable, Iterator
from hmac import compare_digest

import redis
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.retry import Retry
from starlette.responses import JSONResponse, PlainTextResponse, Response

from crm.core import backlog
from crm.core.errors import NotFound
from crm.core.migrating import is_current
from crm.core.runtime import Runtime
from webhooks.counts import REFUSED
from workers import invariants

router = APIRouter()

_PROBE_SECONDS = 1


@router.get("/healthz", include_in_schema=False)
def healthz() -> Response:
    """Say that the process is alive."""
    return PlainTextResponse("ok")


@router.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> Response:
    """Say whether the process may serve: database, broker, migrations and invariants."""
    runtime: Runtime = request.app.state.runtime
    checks: dict[str, Callable[[Runtime], str]] = {
        "database": _database,
        "migrations": _migrations,
        "broker": _broker,
        "invariants": _invariants,
    }
    answers = {name: _ask(check, runtime) for name, check in checks.items()}
    # A dead broker or a broken invariant is told and does not stop requests: a form or a STOP that
    # is turned away would be lost, while the work behind it waits in the database.
    ready = all(answers[name] == "ok" for name in ("database", "migrations"))
    return JSONResponse(answers, status_code=200 if ready else 503)


def _ask(check: Callable[[Runtime], str], runtime: Runtime) -> str:
    try:
        return check(runtime)
    except Exception as fault:  # Whatever a probe meets is its answer.
        return f"failed: {type(fault).__name__}"


def _database(runtime: Runtime) -> str:
    with runtime.database.system():
        return "ok"


def _migrations(runtime: Runtime) -> str:
    # Where another login owns the tables, this one sees nothing outside its roles.
    with runtime.database.system() as system:
        current = is_current(system.session.connection())
    return "ok" if current else "failed: run `frontdesk migrate`"


def _broker(runtime: Runtime) -> str:
    assert runtime.settings.redis_url is not None
    with redis.Redis.from_url(
        runtime.settings.redis_url,
        socket_timeout=_PROBE_SECONDS,
        socket_connect_timeout=_PROBE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        client.ping()
    return "ok"


def _invariants(runtime: Runtime) -> str:
    broken = invariants.lately_broken(runtime)
    return "ok" if not broken else "failed: " + ", ".join(sorted(broken))


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Return depth, lag and age of every kind of work, and refused calls, for Prometheus.

    Asks for `METRICS_TOKEN` as a bearer token; without that setting only the demo answers.
    """
    runtime: Runtime = request.app.state.runtime
    _may_scrape(request, runtime)
    registry = CollectorRegistry()
    registry.register(Backlog(runtime))
    registry.register(REFUSED)
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


def _may_scrape(request: Request, runtime: Runtime) -> None:
    token = runtime.settings.metrics_token
    if token is None:
        if not runtime.settings.is_demo:
            raise NotFound("there are no metrics: METRICS_TOKEN is not set")
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not compare_digest(given.encode(), token.get_secret_value().encode()):
        raise NotFound("there are no metrics for this token")


class Backlog(Collector):
    """Collects the depths of all work at the moment they are asked for."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge family a measure, labelled by the kind of work."""
        with self.runtime.database.system() as system:
            depths = backlog.depths(system, self.runtime.work.values())
        for measure, help_text in (
            ("waiting", "Rows that wait for their time or a worker"),
            ("due", "Rows that are due now"),
            ("dead", "Rows that failed for good and wait for a person"),
            ("age_seconds", "Seconds that the oldest due row is late"),
        ):
            family = GaugeMetricFamily(f"frontdesk_work_{measure}", help_text, labels=["kind"])
            for depth in depths:
                family.add_metric([depth.kind], getattr(depth, measure))
            yield family
