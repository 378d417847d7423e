"""What the process that is forked has imported, and what a fork of it runs."""

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import time_machine
import uvicorn.main
import uvicorn.protocols.http.httptools_impl
import uvloop

import crm.app
import crm.cli
import crm.messaging.channels.twilio
from crm.core import killpoints
from tests.faults import order_worker

WALL_CLOCK = "FAULTS_WALL_CLOCK"
"""Seconds by which a process's own clock is wrong; the database's stays right."""

COMMANDS: dict[str, Callable[[], object]] = {
    "frontdesk": crm.cli.main,
    "uvicorn": uvicorn.main.main,
    "order-worker": order_worker.main,
}
IMPORTED = (crm.app, crm.messaging.channels.twilio, uvicorn.protocols.http.httptools_impl, uvloop)


def run(command: Sequence[str]) -> None:
    """Run a command in this process, with its clock wrong where the environment says so."""
    killpoints.arm()
    wrong = float(os.environ.get(WALL_CLOCK, "0"))
    if wrong:
        moment = datetime.now(UTC) + timedelta(seconds=wrong)  # noqa: TID251 - it is what jumps
        time_machine.travel(moment, tick=True).start()
    sys.argv = list(command)
    COMMANDS[command[0]]()
