"""The tables as SQLAlchemy Core sees them: what the library's own statements are built on."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from artigraph.orm.blob import Blob
from artigraph.orm.link import Link
from artigraph.orm.node import Node

__all__ = ["blob_table", "link_table", "node_table"]

node_table: Table = cast("Table", Node.__table__)
blob_table: Table = cast("Table", Blob.__table__)
link_table: Table = cast("Table", Link.__table__)
