from __future__ import annotations

import pytest

from artigraph.db import Timeouts
from artigraph.db._engine import make_engine
from artigraph.db._url import parse_url
from artigraph.testing.database import DatabaseConformance


class TestSQLite(DatabaseConformance):
    @pytest.fixture
    def database_url(self, tmp_path: object) -> str:
        return f"sqlite:///{tmp_path}/artigraph.db"


class TestSQLiteWithoutOurConnection(DatabaseConformance):
    """With a SQLAlchemy that our own connection may not fit, every statement uses the plain driver."""

    @pytest.fixture
    async def database_url(self, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr("artigraph.db._engine._FAST_LINES", ())
        url = f"sqlite:///{tmp_path}/artigraph.db"
        engine = make_engine(parse_url(url), synchronous="NORMAL", timeouts=Timeouts())
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            assert type(raw.driver_connection).__module__.startswith("aiosqlite")
        await engine.dispose()
        return url
