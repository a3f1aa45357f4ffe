"""Which cases of a test run always, and which only when slow tests are asked for: each kind of experiment compiles."""

import pytest


def few(cases, quick):
    """All cases; those that are not among ``quick`` are marked slow."""
    cases = list(cases)
    assert set(quick) < set(cases)
    return [case if case in quick else pytest.param(*_values(case), marks=pytest.mark.slow) for case in cases]


def _values(case):
    return case if isinstance(case, tuple) else (case,)
