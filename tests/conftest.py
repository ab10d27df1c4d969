"""What tests of every layer share."""

import ipaddress
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.sandbox.standin import StandIn
from tests.contract import check_request


def _only_loopback(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse every connection that leaves this machine: no test can reach the network or spend money."""
    if event == "socket.connect":
        sock, address = arguments
        if isinstance(sock, socket.socket) and sock.family == socket.AF_UNIX:
            return
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost", socket.gethostname()):
        return
    try:
        if ipaddress.ip_address(str(name)).is_loopback or ipaddress.ip_address(str(name)).is_unspecified:
            return
    except ValueError:
        pass
    raise AssertionError(f"a test reaches beyond loopback: {event} {name}")


sys.addaudithook(_only_loopback)

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2**30


WORKERS_PER_CORE = 2  # much of the time a test waits: for a child process, or for a pause that Discord orders


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers ``-n auto`` means; ``--maxprocesses`` limits them."""
    return WORKERS_PER_CORE * (os.cpu_count() or 1)


def pytest_configure() -> None:
    """Keep what tests write in memory where there is room: on a disk they mostly wait for their databases' commits."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    """An OpenAI-compatible server on loopback; the test fails when a request breaks the API's contract."""
    async with StandIn(check=check_request) as server:
        yield server
