"""Test kits: for your models, and for the storages, serializers and databases of other projects.

All but the first need pytest.
"""

from artigraph.testing.migrations import assert_migrates, read_fixture, write_fixture

__all__: list[str] = ["assert_migrates", "read_fixture", "write_fixture"]
