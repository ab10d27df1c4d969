"""No test reaches beyond loopback."""

import socket

import pytest


def test_a_connection_that_leaves_the_machine_fails() -> None:
    with socket.socket() as sock, pytest.raises(AssertionError, match="beyond loopback"):
        sock.connect(("192.0.2.1", 443))
    with pytest.raises(AssertionError, match="beyond loopback"):
        socket.getaddrinfo("api.openai.com", 443)
