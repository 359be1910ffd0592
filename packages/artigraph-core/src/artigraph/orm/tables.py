"""The tables as SQLAlchemy Core sees them: what the library's own statements are built on."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from artigraph.orm.alias import Alias
from artigraph.orm.blob import Blob
from artigraph.orm.link import Link
from artigraph.orm.node import Node
from artigraph.orm.run import Lease, RunValue

__all__ = ["alias_table", "blob_table", "lease_table", "link_table", "node_table", "run_value_table"]

node_table: Table = cast("Table", Node.__table__)
blob_table: Table = cast("Table", Blob.__table__)
link_table: Table = cast("Table", Link.__table__)
run_value_table: Table = cast("Table", RunValue.__table__)
lease_table: Table = cast("Table", Lease.__table__)
alias_table: Table = cast("Table", Alias.__table__)
