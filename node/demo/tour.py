"""The tour: the whole way from an application to an answer, over the node's own HTTP API.

Walked again on the same data it recognises what is there, and adds nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from award.evidence.prometheus import SHANGHAI
from award.policy.policy import load as load_policy
from node.cli.client import NodeRefused, handle_path
from node.cli.upload.table import Table
from node.demo.cast import EVIDENCE, Cast
from registry.errors import Unavailable
from registry.prefix.prefix import PrefixState

REVIEW_SECONDS = 60.0  # that the national node's verdict is waited for, beyond its own delay
POLL_SECONDS = 0.05
POLICY, REPORTS = "zhongshan_2025", "/v1/bureau/reports"
# Refusals of a product that somebody has changed or withdrawn since the last tour.
CHANGED_SINCE = ("identifier-exists", "withdrawn")


class TourFailed(Unavailable):
    kind = "tour-failed"
    title = "The tour came to no good end"


@dataclass(frozen=True, slots=True)
class Step:
    """A stop of the tour: what was done, what came of it, and how long it took."""

    title: str
    title_english: str
    result: str
    result_english: str
    milliseconds: float


@dataclass(slots=True)
class Sight:
    """What one step leaves to be shown."""

    result: str
    result_english: str


@dataclass(slots=True)
class Tour:
    """`steps` yields each stop as it is reached; after that the answers are there to show."""

    cast: Cast
    review_seconds: float
    folder: Path  # where the report goes
    local: dict[str, Any] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)
    _enterprise: dict[str, Any] = field(default_factory=dict)
    _prefix: dict[str, Any] = field(default_factory=dict)
    _example: str = ""

    async def steps(self) -> AsyncIterator[Step]:
        stops: tuple[tuple[str, str, Callable[[], Awaitable[Sight]]], ...] = (
            ("企业申请入驻", "Enterprise applied", self._apply),
            ("运营方核验身份", "Identity verified", self._verify),
            ("申请企业前缀", "Prefix requested", self._request),
            ("审核通过，报送国家顶级节点", "Approved here, then filed", self._file),
            ("国家顶级节点批准，前缀生效", "Approved nationally, active", self._activate),
            ("从 CSV 批量注册标识", "Registered from a CSV", self._register),
            ("本节点解析", "Resolved on this node", self._resolve),
            ("经国家顶级节点递归解析", "Foreign prefix, by recursion", self._recurse),
            ("出具奖励评估报告（草稿）", "Draft report on the award", self._report),
        )
        for title, english, act in stops:
            started = time.perf_counter()
            sight = await act()
            elapsed = (time.perf_counter() - started) * 1000
            yield Step(title, english, sight.result, sight.result_english, elapsed)
        await self.cast.admit_bureau()
        await self.cast.appoint_handle_admin(self._prefix["prefix"])

    async def _apply(self) -> Sight:
        self._enterprise, new = await self.cast.apply()
        name = self._enterprise["subject"]["name"]
        number = self._enterprise["enterprise_id"]
        if new:
            return Sight(name, f"enterprise {number}")
        return Sight(f"{name}（已入驻）", f"enterprise {number}, there already")

    async def _verify(self) -> Sight:
        number, code = self._enterprise["enterprise_id"], self._enterprise["subject"]["credit_code"]
        new = self._enterprise["state"] == "applied"
        if new:
            async with self.cast.operator as client:
                path = f"/v1/enterprises/{number}/verify"
                self._enterprise = await client.post(path, {"evidence": EVIDENCE})
        if self._enterprise["state"] != "verified":
            state = self._enterprise["state"]
            raise TourFailed(f"the demonstration's enterprise is {state}: an operator did that")
        if new:
            return Sight(f"{code} 核验通过", "credit code checked, evidence kept")
        return Sight(f"{code}（已核验）", "verified already")

    async def _request(self) -> Sight:
        async with self.cast.enterprise as client:
            page = await client.get("/v1/prefixes", limit=1000)
            usable = [one for one in page["items"] if one["state"] in _USABLE]
            usable.sort(key=lambda one: _USABLE.index(one["state"]))
            self._prefix = usable[0] if usable else await client.post("/v1/prefixes", {})
        text = self._prefix["prefix"]
        self.cast.learn(prefix=text)
        if usable:
            return Sight(f"{text}（已分配）", "allocated already")
        return Sight(text, "the next free one here")

    async def _file(self) -> Sight:
        text = self._prefix["prefix"]
        filed = bool(self._prefix["filed"])
        if self._prefix["state"] == PrefixState.WAITING:
            async with self.cast.operator as client:
                self._prefix = await client.post(f"/v1/prefixes/{text}/approve")
        await self._wait(lambda prefix: bool(prefix["filed"]), "filed with")
        if filed:
            return Sight("已报送", "filed already")
        return Sight("国家顶级节点（沙箱）已受理", "taken by the sandbox")

    async def _activate(self) -> Sight:
        new = self._prefix["state"] != PrefixState.ACTIVE
        await self._wait(
            lambda prefix: prefix["state"] != PrefixState.UNDER_REVIEW, "decided on by"
        )
        text = self._prefix["prefix"]
        if self._prefix["state"] != PrefixState.ACTIVE:
            state = PrefixState(self._prefix["state"]).name.lower().replace("_", " ")
            raise TourFailed(f"the prefix {text} is {state}: {self._prefix['note'] or 'no reason'}")
        if new:
            return Sight(f"{text} 正常", "state 1, active")
        return Sight(f"{text} 正常（此前已批准）", "state 1, active since before")

    async def _wait(self, done: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Ask for the prefix until it is so."""
        path = f"/v1/prefixes/{self._prefix['prefix']}"
        seconds = REVIEW_SECONDS + self.review_seconds
        try:
            async with asyncio.timeout(seconds), self.cast.enterprise as client:
                while not done(self._prefix):
                    await asyncio.sleep(POLL_SECONDS)
                    self._prefix = await client.get(path)
        except TimeoutError:
            text = self._prefix["prefix"]
            raise TourFailed(
                f"the prefix {text} was not {what} the national node within {seconds:g} s"
            ) from None

    async def _register(self) -> Sight:
        with as_file(files("node.demo").joinpath("products.csv")) as file:
            items = [line.item for line in Table(file, self._prefix["prefix"]).lines()]
        async with self.cast.enterprise as client:
            results = (await client.post("/v1/identifiers", items))["results"]
        fit = [one["handle"] for one in results if one["outcome"] in ("created", "unchanged")]
        refused = [one["problem"] for one in results if one["outcome"] == "refused"]
        for problem in refused:
            if problem.get("rule") not in CHANGED_SINCE:
                raise TourFailed(f"an identifier of the sample was refused: {problem['detail']}")
        if not fit:
            raise TourFailed("every identifier of the sample has been changed or withdrawn")
        self._example = fit[len(fit) // 2]
        self.cast.learn(example=self._example)
        created = sum(one["outcome"] == "created" for one in results)
        return _registered(created, len(fit) - created, len(refused))

    async def _resolve(self) -> Sight:
        async with self.cast.client() as client:
            self.local = await client.get(handle_path("/v1/resolve", self._example))
        return Sight(self._example, f"{len(self.local['values'])} values, held here")

    async def _recurse(self) -> Sight:
        handle = self.cast.demo.foreign_example
        try:
            async with self.cast.client() as client:
                self.foreign = await client.get(handle_path("/v1/resolve", handle))
        except NodeRefused as error:
            raise TourFailed(f"{handle} of another node: {error.detail}") from None
        return Sight(handle, f"{len(self.foreign['values'])} values, via {_host(self.foreign)}")

    async def _report(self) -> Sight:
        """With the facts file as the template has it: what nobody has told is unknown in it."""
        async with self.cast.operator as client:
            known = [one async for one in client.pages(REPORTS)]
            wish = {"year": datetime.now(SHANGHAI).year, "facts": load_policy(POLICY).template}
            issued = known[-1] if known else await client.post(REPORTS, wish)
            number, revision = issued["number"], issued["revision"]
            file = self.folder / f"report-{number}-r{revision}.zip"
            if not file.exists():
                await client.download(f"{REPORTS}/{number}/{revision}/package", file)
        if known:
            return Sight(f"{number}（已出具）", f"{file.name}, there already")
        return Sight(f"{number}（演示数据）", file.name)


_USABLE = (PrefixState.ACTIVE, PrefixState.UNDER_REVIEW, PrefixState.WAITING)


def _registered(created: int, unchanged: int, changed: int) -> Sight:
    counts = (
        (created, "新增", "created"),
        (unchanged, "内容一致", "unchanged"),
        (changed, "此前已被更改", "changed since"),
    )
    told = [
        (f"{chinese} {count:,} 个", f"{count:,} {english}")
        for count, chinese, english in counts
        if count
    ]
    return Sight("，".join(one for one, _ in told), ", ".join(other for _, other in told))


def _host(resolution: dict[str, Any]) -> str:
    """The service that answered."""
    return str(resolution["via"][-1]).partition("://")[2]
