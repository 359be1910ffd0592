from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from artigraph.testing.database import DatabaseConformance
from integration.support.databases import fresh_database


class TestDatabases(DatabaseConformance):
    @pytest.fixture
    def database_url(self, database: str, tmp_path: Path) -> Generator[str]:
        with fresh_database(database, tmp_path) as url:
            yield url
