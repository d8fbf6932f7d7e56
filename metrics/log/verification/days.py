"""Whether every day was stated, each with the sums of its leaves and of the day before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from metrics.log.log import SHANGHAI
from metrics.log.statement import DAILY, LEAF_KEY, LOG_CLOSED
from metrics.log.verification.finding import Finding
from metrics.log.verification.said import Said, of
from metrics.log.verification.verify import YEAR_NAME

GRACE = timedelta(days=1)  # after its end in which a day may be without its statement
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayCheck:
    """Of one statements log. `leaves` are those of all years by day, None where no log of
    registrations is beside it. `until` is the moment up to which days are to be stated: None for a
    log that has a successor."""

    name: str
    leaves: Mapping[date, int] | None
    until: datetime | None

    def run(self, said: Sequence[Said]) -> Iterator[Finding]:
        before: Said | None = None
        for one in of(said, DAILY):
            yield from self._sums(one)
            if before is not None:
                yield from self._follows(before, one)
            before = one
        yield from self._all_stated(said)

    def _sums(self, one: Said) -> Iterator[Finding]:
        day, created = _day(one), one.number("created")
        if self.leaves is not None and created != self.leaves.get(day, 0):
            detail = f"{created} are stated to be new, and the log has {self.leaves.get(day, 0)}"
            yield Finding(self.name, "daily-total", f"{day}: {detail}", one.index)
        requests = one.statement.content.get("requests")
        if isinstance(requests, Mapping) and sum(requests.values()) != one.number("received"):
            detail = (
                f"{day}: the requests by reason do not make the {one.number('received')} stated"
            )
            yield Finding(self.name, "daily-total", detail, one.index)

    def _follows(self, before: Said, one: Said) -> Iterator[Finding]:
        day, last = _day(one), _day(before)
        if day > last + DAY:
            yield Finding(self.name, "daily-gap", _unstated(last + DAY, day - DAY), one.index)
        elif day != last + DAY:
            yield Finding(self.name, "daily-gap", f"{day} follows {last}", one.index)
        wanted = before.number("total") + sum(
            one.number(name) for name in ("created", "imported", "revived")
        )
        wanted -= one.number("deleted")
        if "corrected" in one.statement.content:
            wanted += one.number("corrected")
            yield from self._answered_for(one)
        if wanted != one.number("total"):
            detail = f"{day}: the total should be {wanted}, {one.number('total')} is stated"
            yield Finding(self.name, "daily-total", detail, one.index)

    def _answered_for(self, one: Said) -> Iterator[Finding]:
        """A total is corrected only with a reason and the differences beside it."""
        accepted = one.statement.content.get("accepted")
        told = accepted if isinstance(accepted, Mapping) else {}
        if not (told.get("reason") and told.get("differences")):
            detail = f"{_day(one)}: the total is corrected, and nobody says why"
            yield Finding(self.name, "daily-correction", detail, one.index)

    def _all_stated(self, said: Sequence[Said]) -> Iterator[Finding]:
        """From the first day there was anything to say of, to the last one that is over."""
        stated = [_day(one) for one in of(said, DAILY)]
        begun = [*stated, *(one.at.astimezone(SHANGHAI).date() for one in of(said, LEAF_KEY))]
        begun += self.leaves or ()
        ended = [*stated, *(end for one in of(said, LOG_CLOSED) if (end := _year_end(one)))]
        if self.until is not None:
            ended.append((self.until - GRACE).astimezone(SHANGHAI).date() - DAY)
        if not begun or not ended:
            return
        first, last = min(begun), max(ended)
        if not stated:
            if first <= last:
                yield Finding(self.name, "daily-gap", _unstated(first, last))
            return
        if first < min(stated):
            detail = _unstated(first, min(stated) - DAY)
            yield Finding(self.name, "daily-gap", detail, of(said, DAILY)[0].index)
        if max(stated) < last:
            yield Finding(self.name, "daily-gap", _unstated(max(stated) + DAY, last))


def _day(one: Said) -> date:
    return date.fromisoformat(one.text("day"))


def _year_end(one: Said) -> date | None:
    found = YEAR_NAME.fullmatch(one.text("log"))
    return date(int(found["year"]), 12, 31) if found else None


def _unstated(first: date, last: date) -> str:
    if first == last:
        return f"{first} was never stated"
    return f"the {(last - first).days + 1} days from {first} to {last} were never stated"
