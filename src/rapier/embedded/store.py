"""What is kept on the disk: the objects and the jobs, in SQLite.

All that belongs together is written in one transaction: what an opcode changed, and that it has ended. So after a
`kill -9` at any moment a job is done, or is still to be done; never half, and never twice.

Writing takes place in a thread. What is to be written while the thread is busy goes into its next transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec

from rapier.embedded.configuration import Changes
from rapier.embedded.job import Job
from rapier.embedded.model import AnyObject
from rapier.errors import ConfigurationError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (uuid TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, archived INTEGER NOT NULL, body BLOB NOT NULL);
"""
_LARGEST_ID = 2**63 - 1  # SQLite's
_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(AnyObject).decode
_decode_job = msgspec.json.Decoder(Job).decode


class _Write(NamedTuple):
    """One transaction's part."""

    objects: list[tuple[str, bytes]]
    removed: list[tuple[str]]
    jobs: list[tuple[int, bool, bytes]]


class Store:
    """The state in the folder `folder`; one process at a time has it open."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigurationError` when another process has the folder, or when it cannot be used."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = (folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"another embedded master keeps its state in {folder}") from None
        except OSError as problem:
            raise ConfigurationError(f"the state cannot be kept in {folder}: {problem.strerror}") from None
        self._thread = ThreadPoolExecutor(1, "store")
        try:
            self._database = sqlite3.connect(folder / "state.sqlite", check_same_thread=False, isolation_level=None)
            # a killed process loses nothing that was committed; a power failure may lose the last moment
            self._database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
        except sqlite3.Error as problem:
            raise ConfigurationError(f"{folder / 'state.sqlite'} cannot be used: {problem}") from None
        self._waiting: list[tuple[_Write, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    # -- reading -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, msgspec.DecodeError) as problem:
            raise ConfigurationError(f"the state in {self._folder} cannot be read: {problem}") from None

    def objects(self) -> list[AnyObject]:
        """Every object. Raises `ConfigurationError` for a state that this version cannot read."""
        with self._readable():
            return [_decode_object(body) for (body,) in self._database.execute("SELECT body FROM object")]

    def jobs(self) -> list[Job]:
        """Every job that is not archived, in the order of the ids. Raises as `objects`."""
        with self._readable():
            rows = self._database.execute("SELECT body FROM job WHERE NOT archived ORDER BY id")
            return [_decode_job(body) for (body,) in rows]

    def last_job_id(self) -> int:
        """The highest id that a job ever had; 0 before the first one."""
        with self._readable():
            (last,) = self._database.execute("SELECT coalesce(max(id), 0) FROM job").fetchone()
            return int(last)

    async def archived_job(self, job_id: int) -> Job | None:
        """A job from the archive. Raises as `objects`."""

        if job_id > _LARGEST_ID:
            return None

        def read() -> Job | None:
            with self._readable():
                row = self._database.execute("SELECT body FROM job WHERE id = ? AND archived", (job_id,)).fetchone()
                return _decode_job(row[0]) if row else None

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    # -- writing -----------------------------------------------------------------------------------------------------

    async def write(self, changes: Changes, jobs: Iterable[Job] = ()) -> None:
        """Returns when all of it is kept. What is written is what it is now, whatever becomes of it meanwhile.

        Raises `ConfigurationError` where it cannot be kept: then nothing of it is.
        """
        write = _Write(
            [(one.uuid, _encode(one)) for one in changes.put.values()],
            [(one.uuid,) for one in changes.removed],
            [(job.id, job.archived, _encode(job)) for job in jobs],
        )
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((write, done))
        if self._writing is None:
            self._writing = loop.create_task(self._write_what_waits())
        await done

    async def _write_what_waits(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(self._thread, self._commit, [write for write, _ in batch])
            except Exception as problem:
                refusal = ConfigurationError(f"the state cannot be kept in {self._folder}: {problem}")
                for _, done in batch:
                    if not done.done():
                        done.set_exception(refusal)
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)
        self._writing = None

    def _commit(self, writes: list[_Write]) -> None:
        execute = self._database.executemany
        self._database.execute("BEGIN IMMEDIATE")
        try:
            for write in writes:
                execute("INSERT OR REPLACE INTO object VALUES (?, ?)", write.objects)
                execute("DELETE FROM object WHERE uuid = ?", write.removed)
                execute("INSERT OR REPLACE INTO job VALUES (?, ?, ?)", write.jobs)
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    async def close(self) -> None:
        """Returns when what waited is written."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._database.close()
        self._lock.close()
