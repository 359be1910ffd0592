"""The version of this release."""

from importlib.metadata import version

__version__: str = version("artigraph-core")
"""The version of this release. All its distributions have the same one."""
