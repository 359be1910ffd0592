"""Test kits for the storages, serializers and databases of other projects. They need pytest."""
