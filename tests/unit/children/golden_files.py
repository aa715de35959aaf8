"""Golden files of a session's manifests, for a reader: in order, in clear, with a heading."""

from base64 import b64decode
from collections.abc import Iterable
from pathlib import Path

import yaml

from amalthea.api.schema import Manifest

FOLDER = Path(__file__).parent / "golden"


def render(heading: str, objects: Iterable[Manifest]) -> str:
    """Return the objects as YAML documents, keys in the order in which they are written, secrets in clear."""
    documents = [yaml.dump(_in_clear(each), Dumper=_Dumper, sort_keys=False, width=110) for each in objects]
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + "".join(f"---\n{document}" for document in documents)


def _in_clear(manifest: Manifest) -> Manifest:
    """Show a secret's data as `stringData`, which means the same to the API server."""
    if manifest["kind"] != "Secret" or "data" not in manifest:
        return manifest
    in_clear = {key: b64decode(value).decode() for key, value in manifest["data"].items()}
    return {**{key: value for key, value in manifest.items() if key != "data"}, "stringData": in_clear}


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, and texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (the parent class's signature)
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
