from __future__ import annotations

from tests.maintenance.conftest import alone  # noqa: F401 (a fixture for all tests here)
