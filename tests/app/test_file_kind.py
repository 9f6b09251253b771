"""What a file is, whatever its name."""

import gzip
import os
import pickle
import sys
from pathlib import Path

import pytest

from app.file_kind import FileKind, kind_of
from solver.errors import BayplanError


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"{}", mtime=0), FileKind.STEP),
        (b'  {"format": "bayplan-step"}', FileKind.STEP),
        *((pickle.dumps({"segments": []}, protocol=p), FileKind.SNAPSHOT) for p in range(6)),
        (b"id,lower,upper,size\n", FileKind.TABLE),
        (b'\xef\xbb\xbf"size", "upper" ,lower,name\r\n', FileKind.TABLE),
    ],
)
def test_the_first_bytes_decide(tmp_path: Path, content: bytes, kind: FileKind) -> None:
    file = tmp_path / "misleading.step"
    file.write_bytes(content)
    assert kind_of(file) is kind


def test_an_archive_is_a_program_by_its_name(tmp_path: Path) -> None:
    for name in ("net.pt2", "net.zip"):
        (tmp_path / name).write_bytes(b"PK\x03\x04")
    assert kind_of(tmp_path / "net.pt2") is FileKind.PROGRAM
    with pytest.raises(BayplanError, match=r"ends in \.pt2"):
        kind_of(tmp_path / "net.zip")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match="is a folder"):
        kind_of(tmp_path)
    with pytest.raises(BayplanError, match="cannot be read"):
        kind_of(tmp_path / "gone.step")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pickle")
    with pytest.raises(BayplanError, match="no ordinary file"):
        kind_of(tmp_path / "pipe.pickle")


def test_another_kind_is_told_what_can_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BayplanError, match="memory snapshots"):
        kind_of(file)
