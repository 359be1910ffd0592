"""Checks before a save, whose outcome is recorded with it, on every database."""

from tests.model.test_checks import pytestmark, test_an_outcome_is_recorded_on_the_run_with_the_save

__all__ = ["pytestmark", "test_an_outcome_is_recorded_on_the_run_with_the_save"]
