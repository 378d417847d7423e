"""What surrounds every request: plain ASGI, so that streams stay streams."""
