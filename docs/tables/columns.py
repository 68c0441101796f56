"""The journal's tables, from the engine's."""

from safelight.engine.records import tables
from tables.cells import code, table

__all__ = ["journal_table"]


def journal_table(name: str) -> str:
    """One table: its columns, whether they may be NULL, what they mean."""
    columns = tables.metadata.tables[name].columns
    return table(
        ("column", "type", "meaning"),
        (
            (code(column.name), f"{_type(column.type)}{', or NULL' if column.nullable else ''}", column.doc or "")
            for column in columns
        ),
    )


def _type(kind: object) -> str:
    return {"VARCHAR": "text", "TEXT": "text", "INTEGER": "whole number", "FLOAT": "number"}[
        str(kind).partition("(")[0]
    ]
