"""A lineage in the formats of others: HTML, Mermaid, networkx and OpenLineage."""
