"""Serves an ASGI application on a free loopback port and prints the port, then nothing."""

import socket

import uvicorn


def serve(app):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=0)
    uvicorn.Server(config).run(sockets=[listener])
