"""Why the store cannot be opened: failures that only the operator can end, as opposed to ``StoreUnavailable``."""

from __future__ import annotations


class StoreProblem(Exception):
    """The store cannot be opened. ``problem`` says in one line what, where and what to do; it holds no stored text."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class DatabaseDamaged(StoreProblem):
    """The database's file is not whole; it was left as it is."""


class FolderInUse(StoreProblem):
    """Another process owns the data folder."""
