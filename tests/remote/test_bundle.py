"""The bundle: the same bytes for the same code, nothing else in it, and it runs on a bare Python."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

from remote.bundle import build_bundle, pack


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        return archive.getnames()


def test_it_holds_the_far_side_and_nothing_of_the_laptop() -> None:
    found = names(build_bundle().data)
    for wanted in ("wire/records.py", "remote/__init__.py", "remote/onhost/__main__.py", "remote/onhost/worktree.py"):
        assert wanted in found
    assert not [
        name for name in found if name.startswith(("tui/", "tests/")) or "pycache" in name or name.endswith(".pyc")
    ]
    assert [name for name in found if name.startswith("remote/") and "/onhost/" not in name] == ["remote/__init__.py"]


def test_the_same_code_gives_the_same_bytes_in_another_process() -> None:
    bundle = build_bundle()
    code = "import sys; from remote.bundle import build_bundle as b; sys.stdout.write(b().digest)"
    root = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert other == bundle.digest == hashlib.sha256(gzip.decompress(bundle.data)).hexdigest()
    assert bundle.data == pack(dict(_files(bundle.data))).data


def test_other_code_has_another_name() -> None:
    assert pack({"a": b"1"}).digest != pack({"a": b"2"}).digest != pack({"b": b"2"}).digest


def test_it_imports_without_site_packages(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(build_bundle().data))) as archive:
        archive.extractall(tmp_path, filter="data")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import remote.onhost.worktree, remote.onhost.__main__"
    subprocess.run([sys.executable, "-I", "-S", "-B", "-c", code, str(tmp_path)], check=True)


def _files(data: bytes) -> list[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        return [(item.name, archive.extractfile(item).read()) for item in archive if item.isfile()]  # type: ignore[union-attr]
