"""A seeded random run of the real program between two faulty stand-ins, and what must be true of it in the end."""

from tests.wire.soak.checks import Verdict
from tests.wire.soak.run import Plan, run

__all__ = ["Plan", "Verdict", "run"]
