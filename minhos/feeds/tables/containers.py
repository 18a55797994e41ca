"""What a data file is packed in: gzip, bzip2, xz, zstandard, a zip of one file; UTF-8 or UTF-16, marked or not.

Gives the file itself where polars reads it as it lies, else its content as UTF-8 in lines.  Knows nothing of tables.
Importers only: this loads polars, which decompresses zstandard.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from minhos.errors import DataError

SAMPLE_BYTES = 1 << 16
SCID, PARQUET, ZIP, ZSTD, DBN = b"SCID", b"PAR1", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"DBN"
OLD_SPREADSHEET = b"\xd0\xcf\x11\xe0"
_WHOLE_LINE = "\x01"
"""No table is cut by that, so a line stays whole."""
_MOST_LAYERS = 3


class Content(NamedTuple):
    """What is in a file once it is unpacked."""

    start: bytes
    """The first 64 KB; text as UTF-8 without its mark."""
    source: Path | bytes
    """The file, where its content can be read as it lies; else the content."""
    name: str
    """Of what was packed, where that has a name of its own; else of the file."""

    def readable(self) -> Path | io.BytesIO:
        """What polars reads."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source


def content_of(path: Path) -> Content:
    """The content of a file.  Raises DataError for what cannot be opened, is damaged, or is no one file."""
    start = _start(path)
    if start.startswith((SCID, PARQUET)) or not start:
        return Content(start, path, path.name)
    data: bytes | None = None
    name = path.name
    for _ in range(_MOST_LAYERS):
        unpack = next((way for magic, way in _PACKED.items() if start.startswith(magic)), None)
        if unpack is None:
            break
        words, function = unpack
        try:
            data, name = function(path.read_bytes() if data is None else data, name)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
            raise DataError(f"{path} is a damaged {words} file ({_first_line(error)}); copy it again") from None
        except _NotOne as error:
            raise DataError(f"{path} {error}") from None
        start = data[:SAMPLE_BYTES]
    if start.startswith(DBN):
        raise DataError(f"{path} is Databento's binary encoding; request it as CSV or parquet, or convert it with dbn")
    if start.startswith((SCID, PARQUET)):
        if start.startswith(SCID):
            raise DataError(f"{path} is a packed .scid file; unpack it")
        return Content(start, data or path, name)
    text = _as_utf8(path, data, start)
    return Content(start if text is None else text[:SAMPLE_BYTES], _source(path, data, text), name)


def _source(path: Path, data: bytes | None, text: bytes | None) -> Path | bytes:
    if text is not None:
        return text
    return path if data is None else data


def _as_utf8(path: Path, data: bytes | None, start: bytes) -> bytes | None:
    """The whole text in UTF-8 and lines, or None where it is that already.  Raises DataError for what is no text."""
    encoding = _utf_16(start)
    old_mac = not encoding and b"\r" in start and b"\n" not in start
    if not encoding and not old_mac:
        if start.startswith(b"\xef\xbb\xbf"):
            return (path.read_bytes() if data is None else data)[3:]
        if b"\0" in start[:1000]:
            raise DataError(f"{path} is neither .scid, parquet nor text; export the bars as CSV")
        return None
    content = path.read_bytes() if data is None else data
    if encoding:
        content = content.decode(encoding, errors="replace").lstrip("\ufeff").encode()
    return content.replace(b"\r", b"\n") if b"\n" not in content[:SAMPLE_BYTES] else content


def _utf_16(start: bytes) -> str:
    """The byte order of UTF-16, by its mark or by the empty half of each plain letter; empty for another encoding."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = start[: min(len(start), 1000) // 2 * 2]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.4 * len(head) / 2 or min(even, odd) > 0.02 * len(head):
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


class _NotOne(Exception):
    """An archive that is no one file: the sentence goes on after the file's name."""


def _unzip(data: bytes, name: str) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [each.filename for each in archive.infolist() if not each.is_dir()]
        names = [each for each in names if not each.startswith("__MACOSX/") and not each.endswith(".DS_Store")]
        if "[Content_Types].xml" in names:
            raise _NotOne("is a spreadsheet; save the sheet as CSV")
        if len(names) != 1:
            held = ", ".join(names[:4]) or "nothing"
            raise _NotOne(f"is an archive of {len(names)} files ({held}); unpack it into a folder and name the folder")
        if archive.getinfo(names[0]).flag_bits & 1:
            raise _NotOne("is an archive with a password; unpack it")
        return archive.read(names[0]), names[0].rsplit("/", 1)[-1]


def _unzstd(data: bytes, name: str) -> tuple[bytes, str]:
    """Text alone: polars, which can do it, gives lines."""
    import polars as pl

    try:
        lines = pl.read_csv(
            io.BytesIO(data),
            has_header=False,
            separator=_WHOLE_LINE,
            quote_char=None,
            encoding="utf8-lossy",
            infer_schema=False,
            schema={"line": pl.String},
            truncate_ragged_lines=True,
        )["line"]
    except pl.exceptions.PolarsError as error:
        raise ValueError(_first_line(error)) from None
    return "\n".join(lines.fill_null("").to_list()).encode(), name


def _by(decompress: Callable[[bytes], bytes]) -> Callable[[bytes, str], tuple[bytes, str]]:
    return lambda data, name: (decompress(data), name)


_PACKED: dict[bytes, tuple[str, Callable[[bytes, str], tuple[bytes, str]]]] = {
    b"\x1f\x8b": ("gzip", _by(gzip.decompress)),
    b"BZh": ("bzip2", _by(bz2.decompress)),
    b"\xfd7zXZ\0": ("xz", _by(lzma.decompress)),
    ZSTD: ("zstandard", _unzstd),
    ZIP: ("zip", _unzip),
    OLD_SPREADSHEET: ("spreadsheet", lambda data, name: _spreadsheet()),
}


def _spreadsheet() -> tuple[bytes, str]:
    raise _NotOne("is a spreadsheet; save the sheet as CSV")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give the path of a data file or of a folder") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened ({error.strerror}); close the program that holds it or allow reading it"
        ) from None
