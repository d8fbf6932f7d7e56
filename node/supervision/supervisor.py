"""The supervisor: starts a node's processes, starts them again when they die, and ends them in
order. It answers no request and opens no database, so that little can go wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import msgspec
import structlog

from node.settings import Settings
from node.supervision.charge import Charge, Order, Role
from node.supervision.child import Child
from node.supervision.doors import Doors
from registry.errors import BiaoshiError, Unavailable
from registry.together import until_first

PAUSE_FIRST, PAUSE_MOST = 0.2, 10.0  # seconds before a process that died is started again
LIVED = 5.0  # seconds after which a death is a first one again
OVERTIME = 15.0  # seconds that a process may take to end beyond the time its requests get

log = structlog.get_logger()


class ProcessFailed(Unavailable):
    kind = "process-failed"
    title = "A process of the node cannot start"


@dataclass
class Post:
    """A place to be filled with a process at all times."""

    name: str
    role: Role
    number: int  # of its metrics socket; for workers, one more than that of their door
    child: Child | None = None
    pause: float = PAUSE_FIRST
    covered_by: Post | None = None  # takes this worker's connections while it is away
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def at_work(self) -> bool:
        return self.child is not None and self.child.at_work


@dataclass
class Supervisor:
    """Owned by the task that runs `run`."""

    settings: Settings
    doors: Doors
    reread: Callable[[], Settings]  # raises a BiaoshiError where they break a rule
    _posts: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._posts.append(Post("keeper", Role.KEEPER, 0))
        for number in range(1, self.settings.workers + 1):
            self._posts.append(Post(f"worker-{number}", Role.WORKER, number))

    async def run(self, started: Callable[[], None], asked: asyncio.Event) -> None:
        """Keep all posts filled until cancelled, and end all processes in order then. Whenever it
        is asked to, replace one after the other.

        Raises ProcessFailed where one can't be started at first; later it is tried again.
        """
        try:
            await self._fill_all()
            started()
            await until_first(*map(self._tend, self._posts), self._roll_when(asked))
        finally:
            await self._end(self._workers)
            await self._end(self._posts[:1])  # the keeper keeps the books on their last moments

    async def _roll_when(self, asked: asyncio.Event) -> None:
        while True:
            await asked.wait()
            asked.clear()
            await self._roll()

    async def _roll(self) -> None:
        """Replace one process after the other by a new one, with the settings of now. A new one
        that cannot start leaves the old one where it is, and the rest too."""
        try:
            self.settings = self._fixed(self.reread())
        except BiaoshiError as error:
            log.error("settings-not-taken", reason=error.detail)
            return
        for post in self._posts:
            async with post.changing:
                if not await self._replace(post):
                    return
        log.info("processes-replaced")

    async def _replace(self, post: Post) -> bool:
        old, new = post.child, await self._start(post)
        if not await self._began(post, new):
            return False
        post.child = new
        self._arrange()
        if old is not None:
            await old.end(self._patience)
        return True

    def _fixed(self, settings: Settings) -> Settings:
        """Other settings, but for those that the open sockets were made from."""
        now = self.settings
        return msgspec.structs.replace(
            settings,
            workers=now.workers,
            host=now.host,
            port=now.port,
            handle_port=now.handle_port,
            metrics_host=now.metrics_host,
            metrics_port=now.metrics_port,
        )

    @property
    def _workers(self) -> list[Post]:
        return self._posts[1:]

    @property
    def _patience(self) -> float:
        return self.settings.drain_seconds + OVERTIME

    async def _fill_all(self) -> None:
        await asyncio.gather(*map(self._refill, self._posts))
        for post in self._posts:
            if post.child is not None and not post.at_work:
                raise ProcessFailed(f"{post.name}: {post.child.failure or 'it ended at once'}")

    async def _tend(self, post: Post) -> None:
        """Fill the post whenever its process dies."""
        while True:
            child = post.child
            assert child is not None  # filled at first
            await child.left()
            self._arrange()
            status = await child.ended()
            if post.child is not child:
                continue  # it was replaced
            log.error("process-died", process=post.name, pid=child.pid, status=status)
            await self._pause(post, child)
            async with post.changing:
                if post.child is child:
                    await self._refill(post)

    async def _pause(self, post: Post, child: Child) -> None:
        if child.seconds >= LIVED:
            post.pause = PAUSE_FIRST
        await asyncio.sleep(post.pause)
        post.pause = min(2 * post.pause, PAUSE_MOST)

    async def _refill(self, post: Post) -> None:
        post.child = await self._start(post)
        await self._began(post, post.child)
        self._arrange()

    async def _began(self, post: Post, child: Child) -> bool:
        began = await child.began()
        if began:
            log.info("process-at-work", process=post.name, pid=child.pid)
        else:
            log.error("process-not-started", process=post.name, reason=child.failure)
        return began

    async def _start(self, post: Post) -> Child:
        metrics = self.doors.metrics[post.number].fileno()
        charge = Charge(name=post.name, role=post.role, settings=self.settings, metrics=metrics)
        if post.role is Role.WORKER:
            charge = msgspec.structs.replace(
                charge,
                doors=tuple(door.fileno() for door in self.doors.http),
                wire=tuple((door.tcp.fileno(), door.udp.fileno()) for door in self.doors.wire),
                own=post.number - 1,
            )
        child = await Child.start(charge, (metrics, *charge.doors, *chain(*charge.wire)))
        log.info("process-started", process=post.name, pid=child.pid)
        return child

    def _arrange(self) -> None:
        """See to it that every door has a worker."""
        for post in self._workers:
            if post.covered_by is not None and not post.covered_by.at_work:
                post.covered_by = None
            if post.at_work and post.covered_by is not None:
                self._tell(post.covered_by, post, False)
                post.covered_by = None
            elif not post.at_work and post.covered_by is None:
                post.covered_by = next((one for one in self._workers if one.at_work), None)
                if post.covered_by is not None:
                    self._tell(post.covered_by, post, True)

    def _tell(self, worker: Post, about: Post, open_it: bool) -> None:
        assert worker.child is not None  # it is at work
        worker.child.tell(Order(door=about.number - 1, open=open_it))

    async def _end(self, posts: Sequence[Post]) -> None:
        children = [post.child for post in posts if post.child is not None]
        await asyncio.gather(*(child.end(self._patience) for child in children))
