"""Uploaded archives: what is read, and what is refused with the member and the limit in the message."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.bundles.archive import read_archive
from controlplane.bundles.limits import Limits
from controlplane.bundles.refusal import BundleRefused

SMALL = Limits(total_bytes=1000, files=5, file_bytes=600, ratio=10, ratio_from_bytes=100)
Names = list[tuple[str, bytes]]


def zip_of(members: Names, mode: int = 0o100644, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, content)
    return out.getvalue()


def tar_of(
    members: Names, kind: bytes = tarfile.REGTYPE, link: str = "", how: int = tarfile.PAX_FORMAT
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=how) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tgz_of(members: Names) -> bytes:
    return gzip.compress(tar_of(members))


def gnu_tar_of(members: Names) -> bytes:
    return tar_of(members, how=tarfile.GNU_FORMAT)


def read(data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    return read_archive(stream=io.BytesIO(data), limits=limits or Limits())


def refused(data: bytes, limits: Limits | None = None) -> BundleRefused:
    with pytest.raises(BundleRefused) as caught:
        read(data, limits)
    return caught.value


MAKERS: list[Callable[[Names], bytes]] = [zip_of, tar_of, tgz_of, gnu_tar_of]


@pytest.mark.parametrize("make", MAKERS)
def test_plain_files_are_read(make: Callable[[Names], bytes]) -> None:
    deep = "a/" * 60 + "é" * 50 + ".py"
    files = [("dags/a.py", b"one"), ("./dags/b.py", b""), (deep, b"x" * 2000), (".git/config", b"[core]")]
    assert read(make(files)) == {"dags/a.py": b"one", "dags/b.py": b"", deep: b"x" * 2000}


@pytest.mark.parametrize("make", MAKERS)
def test_a_folder_around_everything_is_taken_off(make: Callable[[Names], bytes]) -> None:
    assert read(make([("repo-main/dags/a.py", b"1"), ("repo-main/README", b"2")])).keys() == {
        "dags/a.py",
        "README",
    }
    assert read(make([("dags/a.py", b"1"), ("dags/b.py", b"2")])).keys() == {"dags/a.py", "dags/b.py"}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil.py", "leads out of the bundle"),
        ("dags/../../evil.py", "leads out of the bundle"),
        ("/etc/passwd", "absolute"),
        ("C:/windows/evil.py", "drive"),
        ("dags\\..\\evil.py", "backslash"),
        ("dags//a.py", "empty part"),
        ("dags/a\n.py", "control"),
        ("dags/a\u202e.py", "control"),
        ("x" * 300 + ".py", "longer than 255 bytes"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(make: Callable[[Names], bytes], name: str, said: str) -> None:
    error = refused(make([("dags/ok.py", b""), (name, b"boo")]))
    assert said in error.reason
    assert error.member


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("dags/a.py", "dags/a.py", "twice"),
        ("dags/a.py", "./dags/a.py", "twice"),
        ("dags/a.py", "dags/A.py", "only in case"),
        ("caf\u00e9.py", "cafe\u0301.py", "only in case or accents"),
        ("a", "a/b", "is a file"),
        ("a/b", "a", "a file and a folder"),
    ],
)
def test_names_that_collide_are_refused(
    make: Callable[[Names], bytes], first: str, second: str, said: str
) -> None:
    error = refused(make([(first, b"1"), (second, b"2")]))
    assert said in error.reason


def test_a_nul_in_a_zips_name_is_refused() -> None:
    data = zip_of([("dags/aXevil.py", b"1")]).replace(b"aXevil", b"a\0evil")
    assert "NUL" in refused(data).reason


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (b"Z", "neither file nor folder"),
    ],
)
def test_a_tar_of_anything_but_files_is_refused(kind: bytes, said: str) -> None:
    error = refused(tar_of([("dags/x.py", b"")], kind=kind, link="/etc/passwd"))
    assert said in error.reason
    assert error.member == "dags/x.py"


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600])
def test_a_zip_of_anything_but_files_is_refused(mode: int) -> None:
    assert refused(zip_of([("dags/x.py", b"/etc/passwd")], mode=mode)).member == "dags/x.py"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bound_are_refused(method: int) -> None:
    assert "deflate" in refused(zip_of([("a.py", b"x" * 100)], method=method)).reason


def test_an_encrypted_zip_is_refused() -> None:
    data = bytearray(zip_of([("a.py", b"x")]))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(data)).reason


@pytest.mark.parametrize("make", MAKERS)
def test_each_limit_is_named_with_the_member(make: Callable[[Names], bytes]) -> None:
    noise = bytes(range(256)) * 2
    assert "larger than 600 bytes" in refused(make([("big.bin", noise + noise)]), SMALL).reason
    assert refused(make([("one", noise), ("two", noise)]), SMALL).member == "two"
    assert "more than 5 files" in refused(make([(f"f{n}", b"") for n in range(6)]), SMALL).reason
    assert len(read(make([(f"f{n}", b"") for n in range(5)]), SMALL)) == 5


@pytest.mark.parametrize("make", [zip_of, tgz_of])
def test_a_bomb_is_refused_by_its_ratio(make: Callable[[Names], bytes]) -> None:
    data = make([("bomb.bin", b"\0" * 60_000_000)])
    assert len(data) < 100_000
    assert "bomb" in refused(data).reason


def test_a_bomb_of_folders_is_refused() -> None:
    folders = io.BytesIO()
    with tarfile.open(fileobj=folders, mode="w:gz") as archive:
        for number in range(20):
            info = tarfile.TarInfo(f"d{number}")
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
    assert "entries" in refused(folders.getvalue(), SMALL).reason


def test_a_bomb_in_a_header_is_refused() -> None:
    assert "too large" in refused(tar_of([("a/" * 100_000 + "b", b"")])).reason


def test_a_directory_that_would_fill_memory_is_refused() -> None:
    many = zip_of([(f"{'n' * 200}{number}", b"") for number in range(40_000)])
    assert "table of contents" in refused(many).reason


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\x1f\x8b\x08\0", b"7z\xbc\xaf"]
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    refused(data)


def test_an_empty_archive_has_no_files() -> None:
    assert read(zip_of([])) == read(tar_of([])) == read(tgz_of([])) == {}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    make = data.draw(st.sampled_from(MAKERS))
    whole = bytearray(
        make([("dags/a.py", b"print(1)" * 40), ("b/" * 60 + "c.txt", b"y" * 700), ("d.bin", b"")])
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (bytes(whole), bytes(whole[:cut])):
        try:
            files = read(damaged)
        except BundleRefused:
            continue
        assert all(not path.startswith("/") and ".." not in path.split("/") for path in files)


def test_five_thousand_files_are_read() -> None:
    files = [(f"dags/folder_{n % 50}/file_{n}.py", f"# {n}".encode()) for n in range(5000)]
    for make in MAKERS:
        assert len(read(make(files))) == 5000


@pytest.mark.heavy
def test_a_hundred_megabytes_are_read() -> None:
    import random

    noise = random.Random(1).randbytes(100_000_000)
    for make in MAKERS:
        assert read(make([("data.bin", noise)]))["data.bin"] == noise
