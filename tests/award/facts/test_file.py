"""Facts files: what is wrong is told with its line."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from award.facts.file import LIMIT, InvalidFacts, load, parse
from award.policy.policy import load as load_policy
from award.policy.zhongshan_2025.facts import Facts

HEAD = '[node]\nname = "节点"\nprefix = "88.118"\n[company]\nname = "公司"\n'  # five lines


def read(more: str) -> Facts:
    return parse((HEAD + more).encode(), Facts, "facts.toml")


def test_the_template_can_be_read_as_it_stands_and_filled_in() -> None:
    template = load_policy("zhongshan_2025").template
    empty = parse(template.encode(), Facts)
    assert empty.recognition.standing is None
    filled = re.sub(r"^# (\[\[|[a-z_]+ = )", r"\1", template, flags=re.MULTILINE)
    filled = re.sub(r"^refused = .*\n|^also_used_for = .*\n", "", filled, flags=re.MULTILINE)
    filled = filled.replace('kind = "节点建设"', '# kind = "节点建设"')
    found = parse(filled.encode(), Facts)
    assert found.investment[0].amount == 8_000_000
    assert found.subsidy[0].amount == 2_500_000
    assert found.stages.paid == date(2025, 12, 20)
    assert found.history[0].registrations == 35_000_000


def test_the_template_names_every_field() -> None:
    template = load_policy("zhongshan_2025").template
    for table in (field for field in Facts.__struct_fields__):
        assert re.search(rf"^(# )?\[?\[{table}\]", template, re.MULTILINE), table
    filled = tomllib.loads(re.sub(r"^# (\[\[|[a-z_]+ = )", r"\1", template, flags=re.MULTILINE))
    for name, table in filled.items():
        kind = Facts.__annotations__[name]
        given = table[0] if isinstance(table, list) else table
        fields = _fields(kind)
        assert set(given) >= fields - {"net"}, f"{name}: {fields - set(given)}"


def _fields(kind: str) -> set[str]:
    import award.policy.zhongshan_2025.facts as module

    name = kind.removeprefix("tuple[").removesuffix(", ...]")
    return set(getattr(module, name).__struct_fields__)


@pytest.mark.parametrize(
    ("more", "line", "field", "said"),
    [
        ("[stages]\nsubmitted = 2025-13-01\n", None, None, "TOML"),
        ("[stage]\n", 6, "stage", "没有名为 stage 的项"),
        ("[stages]\n\nsubmited = 2025-01-01\n", 8, "stages.submited", "没有名为 submited 的项"),
        ('[stages]\nsubmitted = "2025年6月"\n', 7, "stages.submitted", ""),
        ("[stages]\nsubmitted = 2025-06-30\nadmitted = 2025-06-29\n", 6, "stages", "依次"),
        ('[recognition]\nstanding = "平台"\n', 7, "recognition.standing", "不能写作“平台”"),
        ('[[investment]]\nname = "a"\ninvoice = "1"\nnet = 1\n\n'
         '[[investment]]\nname = "b"\ninvoice = "2"\ngross = 1\n', 11, "investment[1]", "税率 vat"),
        ('[[investment]]\nname = "a"\ninvoice = "1"\nnet = 1.5\n', 9, "investment[0].net", "1.5"),
        ('[[investment]]\nname = "a"\nnet = 1\n', 6, "investment[0]", "缺少必填项 invoice"),
        ('[[investment]]\nname="a"\ninvoice="1"\nnet=1\n' * 2, None, None, "发票号 1 重复"),
        ('[[subsidy]]\nlevel = "国家"\nname = "a"\namount = "250万"\n', 6, "subsidy[0]", "至少"),
        ('[[award]]\nclause = "（六）"\nday = 2025-01-01\namount = 1\n', 6, "award[0]", "clause"),
        ('[[award]]\nclause = "（五）"\nday = 2025-01-01\namount = 1\n', 6, "award[0]", "kind"),
        ("[checklist]\nstaff = true\n", 7, "checklist.staff", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(
    more: str, line: int | None, field: str | None, said: str
) -> None:
    with pytest.raises(InvalidFacts) as caught:
        read(more)
    assert said in caught.value.detail
    assert caught.value.field == field
    if line is not None:
        assert f"第 {line} 行" in caught.value.detail


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidFacts, match="无法读取"):
        load(tmp_path / "none.toml", Facts)
    with pytest.raises(InvalidFacts, match="第 2 行：不是 UTF-8"):
        parse(b"# a\n\xd6\xd0", Facts)
    with pytest.raises(InvalidFacts, match="1 MiB"):
        parse(b"#" * (LIMIT + 1), Facts)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "facts.toml"
    file.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert load(file, Facts).node.prefix == "88.118"


def test_gross_and_net() -> None:
    found = read(
        '[[investment]]\nname = "a"\ninvoice = "1"\ngross = "904万元"\nvat = "13%"\n'
        'paid = 2024-01-01\n[[investment]]\nname = "b"\ninvoice = "2"\nnet = "100.50"\n'
    )
    assert found.spent(date(2024, 1, 1)) == 8_000_000
    assert found.spent(date(2023, 12, 31)) == 0
    assert found.planned() == Decimal("8000100.50")
