"""Files on this machine's own disk, for `firecrest.py`: at the same paths, as if this machine were the cluster."""

import shutil
from pathlib import Path


class DiskFiles:
    """Implements `cluster.Files`."""

    def make_folder(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def set_mode(self, path: str, mode: str) -> None:
        Path(path).chmod(int(mode, 8))

    def write(self, path: str, content: bytes) -> None:
        Path(path).write_bytes(content)

    def read(self, path: str) -> tuple[bytes, int] | None:
        file = Path(path)
        return (file.read_bytes(), file.stat().st_ino) if file.is_file() else None

    def remove(self, path: str) -> bool:
        if Path(path).is_dir():
            shutil.rmtree(path)
            return True
        there = Path(path).exists()
        Path(path).unlink(missing_ok=True)
        return there
