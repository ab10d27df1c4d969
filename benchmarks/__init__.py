"""Reproducible measurements of the real program beside a bare bot: ``python -m benchmarks``."""
