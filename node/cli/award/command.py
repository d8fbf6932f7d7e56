"""The commands: a template for the facts, an assessment, a certified report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import aiohttp
from cyclopts import App, Parameter

from award import form
from award.assessment.assessment import Assessment, assess
from award.assessment.forecast import Forecast, of_year
from award.assessment.what_if import suppose
from award.evidence.certified import CertifiedYear, contradictions
from award.evidence.prometheus import SHANGHAI, Prometheus
from award.evidence.witness import Agreement, CrossCheck, cross_check
from award.facts.file import load as load_facts
from award.money import Rate
from award.policy.parameter import Parameters
from award.policy.policy import Policy, names
from award.policy.policy import load as load_policy
from node.cli.access import USUAL, Access, Json
from node.cli.award import showing
from node.cli.award.report import report, reports
from node.cli.award.verify import verify
from node.cli.option import repeated
from node.cli.terminal import complain, console, print_json
from registry.errors import InvalidInput

POLICY = "zhongshan_2025"

Name = Annotated[str, Parameter(help="The policy's name; `biaoshi award policies` lists them.")]
Year = Annotated[int, Parameter(help="The year whose counts are claimed.")]
FactsFile = Annotated[Path, Parameter(help="TOML file of facts; `biaoshi award template`.")]
Day = Annotated[
    str | None,
    Parameter(name="--on", help="The day on which the question is asked. Default: today."),
]


class InvalidQuestion(InvalidInput):
    kind = "invalid-question"
    title = "The question cannot be asked like this"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Where the counts come from, and what they are held against."""

    evidence: Annotated[
        tuple[Path, ...],
        repeated("JSON file with the evidence of a year, instead of asking the node."),
    ] = ()
    prometheus: Annotated[
        str | None, Parameter(help="URL of the Prometheus that watches the workers.")
    ] = None
    tolerance: Annotated[
        str, Parameter(help="How far the two may differ before nothing is certified.")
    ] = "2%"

    @property
    def ratio(self) -> Decimal:
        try:
            return Decimal(Rate.parse(self.tolerance))
        except ValueError as error:
            raise InvalidQuestion(f"--tolerance：{error}", field="tolerance") from None


NO_WITNESSES = Witnesses()


def add_to(app: App) -> None:
    group = App(name="award", help="Assess the award of clause （五） 奖励评估与认证报告.")
    group.command(template)
    group.command(policies)
    group.command(assess_, name="assess")
    group.command(report)
    group.command(reports)
    group.command(verify)
    app.command(group)


def template(*, policy: Name = POLICY) -> None:
    """Print an annotated facts file to fill in."""
    print(load_policy(policy).template, end="")


def policies() -> None:
    """List the policies and the passages of each that can be read in more than one way."""
    out = console()
    for name in names():
        found = load_policy(name)
        out.print(f"{found.name}  {found.title} {found.clause}，有效期至 {found.valid_until}")
        out.print(f"规则版本 {found.digest}\n")
        out.print(showing.readings(found.readings))


async def assess_(
    *,
    year: Year,
    facts: FactsFile,
    on: Day = None,
    policy: Name = POLICY,
    what_if: Annotated[
        tuple[str, ...],
        repeated("Suppose something more, such as investment=50万元 or resolutions=1000000."),
    ] = (),
    witnesses: Witnesses = NO_WITNESSES,
    access: Access = USUAL,
    json: Json = False,
) -> int:
    """Say clause by clause what the law says of a year, and what may be granted at most.

    Three totals are shown, since passages of the law can be read in more than one way. Exits with
    1 where the counts contradict themselves or the independent witness.
    """
    rules = load_policy(policy)
    told = load_facts(facts, rules.facts)
    asked = _day(on)
    years = await _years(witnesses, year, access)
    check = await _checked(witnesses, years.get(year))
    found = assess(rules, told, year, years, asked)
    supposed = suppose(rules, told, year, years, asked, what_if) if what_if else None
    expected = _forecasts(rules, years.get(year), asked)
    faults = [line for one in years.values() for line in contradictions(one)]
    if json:
        print_json(_as_json(found, check, expected, supposed, faults))
    else:
        _show(found, years.get(year), check, expected, supposed, what_if)
    for fault in faults:
        complain(f"计数自相矛盾：{fault}")
    return 1 if faults or check.agreement is Agreement.BEYOND else 0


def _show(
    found: Assessment,
    counted: CertifiedYear | None,
    check: CrossCheck,
    expected: list[Forecast],
    supposed: Assessment | None,
    what_if: tuple[str, ...],
) -> None:
    out = console()
    showing.show(out, found, counted, check)
    if expected:
        out.print(showing.forecasts(expected))
    if supposed is not None:
        before, after = found.judgement.total, supposed.judgement.total
        change = showing.difference(before.value, after.value)
        out.print(f"\n假设 {'，'.join(what_if)}：合计 {showing.money(after)}，{change}")
        out.print(showing.amounts(supposed.judgement.amounts, after))


def _as_json(
    found: Assessment,
    check: CrossCheck,
    expected: list[Forecast],
    supposed: Assessment | None,
    faults: list[str],
) -> Any:
    return form.builtins(
        {
            "assessment": found,
            "cross_check": check,
            "forecast": expected,
            "what_if": supposed,
            "contradictions": faults,
        }
    )


def _forecasts(rules: Policy, counted: CertifiedYear | None, on: date) -> list[Forecast]:
    if counted is None or counted.complete:
        return []
    thresholds = rules.thresholds(Parameters(rules.parameters, on), counted.year)
    return of_year(counted, dict(thresholds))


async def _years(witnesses: Witnesses, year: int, access: Access) -> Mapping[int, CertifiedYear]:
    """The certified years up to the one asked for, from files or from the node."""
    if witnesses.evidence:
        return {one.year: one for one in map(_read, witnesses.evidence)}
    async with access.as_("operator") as client:
        found = await client.get("/v1/bureau/evidence", through=year)
    return {
        one.year: one
        for one in form.decode(form.encode(found["items"]), list[CertifiedYear], "evidence")
    }


def _read(file: Path) -> CertifiedYear:
    try:
        return form.decode(file.read_bytes(), CertifiedYear, file.name)
    except OSError as error:
        raise InvalidQuestion(f"cannot read {file}: {error.strerror}", field="evidence") from None


async def _checked(witnesses: Witnesses, counted: CertifiedYear | None) -> CrossCheck:
    if counted is None or counted.through is None or witnesses.prometheus is None:
        return CrossCheck(tolerance=witnesses.ratio, agreement=Agreement.NONE)
    async with aiohttp.ClientSession() as session:
        prometheus = Prometheus(session, witnesses.prometheus)
        witness = await prometheus.witness(counted.year, counted.through)
    return cross_check(counted, witness, witnesses.ratio)


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).astimezone(SHANGHAI).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidQuestion(f"--on {text}：日期应写作 2025-06-30", field="on") from None
