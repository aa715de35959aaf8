"""The table of values in the chart's README: written from values.yaml and values.schema.json, never by hand.

python -m tests.chart.readme    writes it anew
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.chart.helm import CHART

README = CHART / "README.md"
BEGIN = "<!-- values: `python -m tests.chart.readme` writes this table from values.yaml and values.schema.json -->\n"
END = "<!-- /values -->\n"

Schema = dict[str, Any]


def leaves(schema: Schema, definitions: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield the path and the schema of each value that has no named values below it."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]] | schema
    if "properties" not in schema:
        yield path, schema
        return
    for name, below in schema["properties"].items():
        yield from leaves(below, definitions, (*path, name))


def all_leaves() -> dict[tuple[str, ...], Schema]:
    """Return the schema of each value by its path."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    return dict(leaves(schema, schema["definitions"]))


def defaults() -> Schema:
    """Return values.yaml."""
    values: Schema = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def default_of(path: tuple[str, ...]) -> object:
    """Return a value's default; raise KeyError if values.yaml has none."""
    value: Any = defaults()
    for name in path:
        value = value[name]
    return value


def table() -> str:
    """Return the table."""
    rows = [
        f"| `{'.'.join(path)}` | {_default(path)} | {schema['description']} |" for path, schema in all_leaves().items()
    ]
    return "\n".join(["| Value | Default | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def readme() -> str:
    """Return the README with the table as it should be."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _default(path: tuple[str, ...]) -> str:
    try:
        return f"`{json.dumps(default_of(path))}`"
    except KeyError:
        return ""


if __name__ == "__main__":
    README.write_text(readme())
