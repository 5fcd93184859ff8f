"""The state file: an append-only journal that survives a kill at any moment.

One line per committed request, ``crc32 json``. A line is handed to the kernel before the answer leaves, so
what was acknowledged is there after ``kill -9`` (a power cut may lose the last lines: this is a test double).
A torn last line is a request nobody got an answer to, and is dropped; damage anywhere else is refused. At
start, and when history outgrows what is true now, the file is rewritten beside the old one and moved over it.
"""

from __future__ import annotations

import fcntl
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from fakestripe.types import Obj

HEADER = {"format": "fakestripe journal", "version": 1}
LEAST_REWRITE = 32_000_000


class JournalError(Exception):
    """The state file can't be used; the message says why and what to do."""


def encode(entry: Obj) -> bytes:
    """One journal line."""
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> Obj | None:
    """The entry of a line, or None when the line is torn or damaged."""
    if len(line) < 10 or not line.endswith(b"\n"):
        return None
    checksum, text = line[:8], line[9:-1]
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    entry: Obj = json.loads(text)
    return entry


class Journal:
    """An open state file, locked against a second server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path)
        self._file: IO[bytes] | None = None
        self._rewritten = self._size = 0

    def read(self) -> Iterator[Obj]:
        """The entries so far, oldest first."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            lines = enumerate(file, start=1)
            for number, line in lines:
                entry = decode(line)
                if entry is None:
                    if next(lines, None) is not None:
                        raise JournalError(
                            f"{self.path} is damaged at line {number}; move it away to start afresh"
                        )
                    return
                if number > 1:
                    yield entry
                elif entry != HEADER:
                    raise JournalError(f"{self.path} is not a state file of this fakestripe; move it away")

    def rewrite(self, entries: Iterable[Obj]) -> None:
        """Replace the file by ``entries`` in one step and keep it open for appending."""
        fresh = self.path.with_name(self.path.name + ".new")
        with fresh.open("wb") as file:
            file.write(encode(HEADER))
            file.writelines(encode(entry) for entry in entries)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        if self._file is not None:
            self._file.close()
        self._file = self.path.open("ab", buffering=0)
        self._rewritten = self._size = self._file.tell()

    @property
    def outgrown(self) -> bool:
        """Whether most of the file is history, so that a rewrite is worth it."""
        return self._size > max(LEAST_REWRITE, 4 * self._rewritten)

    def append(self, entry: Obj) -> None:
        """Hand one entry to the kernel; when this returns, a kill of this process can't lose it."""
        if self._file is None:
            raise JournalError("the journal is read before it is written")
        view = memoryview(encode(entry))
        self._size += len(view)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        """Close the file and let go of the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.close()


def _locked(path: Path) -> IO[bytes]:
    lock = path.with_name(path.name + ".lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise JournalError(
            f"{path} is in use by another fakestripe; stop it or choose another --state"
        ) from None
    return lock
