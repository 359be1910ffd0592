from __future__ import annotations

import pytest

from artigraph.testing.database import DatabaseConformance


class TestSQLite(DatabaseConformance):
    @pytest.fixture
    def database_url(self, tmp_path: object) -> str:
        return f"sqlite:///{tmp_path}/artigraph.db"
