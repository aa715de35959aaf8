"""A setuid program is seen in whatever layer it is, and not reported where an upper layer took it away."""

import io
import json
import tarfile
from pathlib import Path

from tests.support import image_contents

CAPABILITY = {"SCHILY.xattr.security.capability": "x"}


def entry(name: str, mode: int = 0o755, kind: bytes = tarfile.REGTYPE, xattrs: dict[str, str] | None = None) -> bytes:
    """Return one file as a tar block, with its name as its content."""
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.pax_headers = mode, kind, xattrs or {}
    content = name.encode() if kind == tarfile.REGTYPE else b""
    info.size = len(content)
    return info.tobuf(tarfile.PAX_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0")


def archive(folder: Path, *layers: bytes) -> Path:
    """Write a docker-archive of these layers."""
    names = [f"{number}.tar" for number, _ in enumerate(layers)]
    files = {name: layer + bytes(1024) for name, layer in zip(names, layers, strict=True)}
    files["config.json"] = json.dumps({"config": {"User": "1000:100"}}).encode()
    files["manifest.json"] = json.dumps([{"Config": "config.json", "Layers": names}]).encode()
    with tarfile.open(folder / "image.tar", "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return folder / "image.tar"


def test_what_gives_rights_is_found(tmp_path: Path) -> None:
    lower = entry("./usr/bin/su", 0o4755) + entry("usr/bin/wall", 0o2755) + entry("bin/sh")
    upper = entry("bin/ping", xattrs=CAPABILITY) + entry("var/mail", 0o2775, tarfile.DIRTYPE)
    read = image_contents.read(archive(tmp_path, lower, upper))
    found = {path for path, file in read.files.items() if file.gives_rights}
    assert found == {"usr/bin/su", "usr/bin/wall", "bin/ping"}
    assert read.user == "1000:100"
    assert read.read("bin/sh") == b"bin/sh"


def test_what_an_upper_layer_changed_or_took_away_is_not_there(tmp_path: Path) -> None:
    lower = entry("bin/su", 0o4755) + entry("bin/mount", 0o4755) + entry("a/x", 0o4755) + entry("b/c/x", 0o4755)
    upper = entry("bin/su") + entry("bin/.wh.mount") + entry("a/.wh..wh..opq") + entry("a/y") + entry(".wh.b")
    read = image_contents.read(archive(tmp_path, lower, upper))
    assert set(read.files) == {"bin/su", "a/y"}
    assert not any(file.gives_rights for file in read.files.values())
