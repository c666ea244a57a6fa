"""A taken port is the commonest reason why a start fails, so it is found before it and named with its setting."""

import atexit
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
_KEPT = ExitStack()
atexit.register(_KEPT.close)


class PortTaken(Exception):
    """Another process listens where one of ours should."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(f"port {port} is taken: stop what listens there, or choose another with {setting}")
        self.port = port
        self.setting = setting


def ensure_free(port: int, setting: str, host: str = LOOPBACK) -> None:
    """Raise `PortTaken` if nothing of ours could listen there; the port is free again when this returns."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this a connection of the last run that still lingers in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(port, setting) from error


def free_port(host: str = LOOPBACK) -> int:
    """Take a port that nobody has, and keep it from everybody else for as long as this process lives.

    Bound and not listened on, it is still to be had for whoever binds it by its number with SO_REUSEADDR, as servers
    do; the kernel gives it to nobody who asks for just any, also not while a part that died is away.
    """
    kept = _KEPT.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind((host, 0))
    port: int = kept.getsockname()[1]
    return port
