"""Why the sandbox cannot run: what only the person who started it can mend."""

from __future__ import annotations


class SandboxProblem(Exception):
    """``problem`` says in one line what it is and what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class PortInUse(SandboxProblem):
    """Another program listens on the port."""
