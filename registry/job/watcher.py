"""Watching jobs: one query now and then for all who watch, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from registry.database import Database
from registry.job import store
from registry.job.job import Job
from registry.job.worker import AWAY

PERIOD = 0.5  # seconds


class Watch:
    """One who watches a job. For a single task."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._news = asyncio.Event()
        self.closed = False

    def tell(self, job: Job) -> None:
        if job != self._job:
            self._job = job
            self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def next(self, seconds: float) -> Job | None:
        """The job as it is now, when that is new; None after so many seconds without news, or when
        the watch was closed. Of several changes meanwhile only the last is told."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        return None if self.closed else self._job


class Watcher:
    """Owned by the task that runs `run`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[int, list[Watch]] = {}
        self._watched = asyncio.Event()
        self._closed = False

    @property
    def count(self) -> int:
        return sum(map(len, self._watches.values()))

    @contextmanager
    def watch(self, job_id: int) -> Iterator[Watch]:
        """Watch a job while the context lasts. It is told at once how the job is."""
        watch = Watch()
        if self._closed:
            watch.close()
        self._watches.setdefault(job_id, []).append(watch)
        self._watched.set()
        try:
            yield watch
        finally:
            self._watches[job_id].remove(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    async def run(self) -> None:
        """Look at the jobs until cancelled. While the database is away there is no news."""
        while True:
            await self._watched.wait()
            self._watched.clear()
            try:
                async with self._database.connection() as connection:
                    jobs = await store.get(connection, self._watches)
            except AWAY:
                jobs = []
            for job in jobs:
                for watch in self._watches.get(job.job_id, ()):
                    watch.tell(job)
            await asyncio.sleep(PERIOD)
            if self._watches:
                self._watched.set()

    def close(self) -> None:
        """End all watches, and those to come: the node stops."""
        self._closed = True
        for watches in self._watches.values():
            for watch in watches:
                watch.close()
