"""Serving the application on a real socket, from a thread of the test."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI


@contextmanager
def free_socket() -> Iterator[socket.socket]:
    """A loopback socket that takes connections already, before anybody serves them."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen(64)
        yield opened


def address_of(listening: socket.socket) -> str:
    """Return the http address of a socket."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def served(app: FastAPI, listening: socket.socket) -> Iterator[None]:
    """Serve the application while the block runs."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()
