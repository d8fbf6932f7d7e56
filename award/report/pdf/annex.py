"""Shares, sources, flags, definitions, how to check, and the facts as they were given."""

from __future__ import annotations

from reportlab.platypus import Flowable

from award.evidence.certified import CertifiedYear, Checkpoint
from award.report.definitions import DEFINITIONS
from award.report.pdf.grid import CELL_LIMIT, CODE, Cell, body, grid, heading, note, subheading
from award.report.pdf.prose import Prose
from award.report.report import Report, sha256

MOST_ROWS = 200
TOP_SOURCES = 30
LONG = 40  # lines of a table of facts


def shares(report: Report) -> list[Flowable]:
    year = report.counted
    if year is None:
        return []
    return [heading("五、企业、来源与提示"), *_enterprises(year), *_sources(year), *_flags(year)]


def _enterprises(year: CertifiedYear) -> list[Flowable]:
    rows = [
        [
            one.name + ("（关联方）" if one.related else ""),
            "、".join(one.prefixes),
            one.industry,
            f"{one.registrations:,}",
            f"{one.counted:,}",
        ]
        for one in year.enterprises[:MOST_ROWS]
    ]
    if not rows:
        return [subheading("按企业"), note("没有企业数据。")]
    head = ["企业", "前缀", "行业", "新增注册（个）", "计入解析（次）"]
    made: list[Flowable] = [
        subheading("按企业"),
        grid(head, rows, [2.6, 1.3, 0.8, 1.3, 1.3], right=[3, 4]),
    ]
    if len(year.enterprises) > MOST_ROWS:
        made.append(note(f"另有 {len(year.enterprises) - MOST_ROWS:,} 家企业，见 report.json。"))
    return made


def _sources(year: CertifiedYear) -> list[Flowable]:
    if not year.sources:
        return []
    rows = [[one.network, f"{one.counted:,}"] for one in year.sources[:TOP_SOURCES]]
    return [
        subheading("解析来源（脱敏至 /24、/48 网段）"),
        grid(["网段", "计入解析（次）"], rows, [4, 1.5], right=[1]),
    ]


def _flags(year: CertifiedYear) -> list[Flowable]:
    made: list[Flowable] = [subheading("提示")]
    if year.registrations.gross and year.registrations.resolved is None:
        made.append(note("标识较多，未逐个核对“注册后从未被解析”与“后缀成等差连号”两种情形。"))
    if not year.flags:
        return [*made, note("没有需要人工复核的情形。")]
    return [
        *made,
        note("下列情形不影响计数，请人工判断。"),
        *(body(f"· {one.text}") for one in year.flags),
    ]


def definitions(report: Report) -> list[Flowable]:
    made: list[Flowable] = [heading("六、计数定义")]
    for title, text in DEFINITIONS:
        made += [subheading(title), body(text)]
    return made


def verification(report: Report) -> list[Flowable]:
    found = report.assessment
    made: list[Flowable] = [
        heading("七、核验"),
        body(
            "报告包内含 report.json、report.pdf、签名 report.sig、申报事实 facts.toml，日志检查点及"
            "其见证签名，以及各自的证明：逐日结账声明、由检查点推定而抽取的登记叶子、历史检查点。"
            "在一台只装有本软件、不连网的机器上执行 biaoshi verify 报告.zip，即可核对签名与见证、"
            "包内每个文件、计数的勾稽关系及其与结账声明逐日相符、全部金额的计算与所适用的规则版本。"
            "登记日志全文不在包内；取得其导出文件夹后加上 --log 文件夹，即逐片扫描，"
            "核对每片叶子且无重复计数。"
        ),
        grid(
            [],
            [
                ["report.json 的 SHA-256", sha256(report.content)],
                ["规则", f"{found.policy}　{found.policy_digest}"],
                ["须有的见证", "、".join(report.basis.witnesses) or "无（草稿）"],
            ],
            [1.4, 4.6],
        ),
    ]
    counted = report.counted
    if counted is not None and counted.log is not None:
        made += _checkpoint("登记日志检查点：叶子数即新增标识注册量", counted.log)
    if counted is not None and counted.statements is not None:
        made += _checkpoint("声明日志检查点", counted.statements)
    return made


def _checkpoint(title: str, found: Checkpoint) -> list[Flowable]:
    witnesses = "、".join(found.cosigned_by) or "无"
    return [
        subheading(title),
        Prose(found.note.rstrip("\n"), CODE),
        note(f"见证签名：{witnesses}"),
    ]


def facts(report: Report) -> list[Flowable]:
    """As they were given, without the comments: tables side by side, long ones alone."""
    short: list[Flowable] = []
    long: list[Flowable] = []
    for table in _tables(report.facts):
        (long if table.count("\n") > LONG or len(table) > CELL_LIMIT else short).append(
            Prose(table, CODE)
        )
    rows: list[list[Cell]] = [
        [short[at], short[at + 1] if at + 1 < len(short) else ""] for at in range(0, len(short), 2)
    ]
    pairs = [grid([], rows, [1, 1])] if rows else []
    return [heading("八、申报单位提供的事实"), *pairs, *long]


def _tables(facts: str) -> list[str]:
    lines = [line.split("  #")[0].rstrip() for line in facts.splitlines()]
    kept = [line for line in lines if line and not line.startswith("#")]
    whole = "\n".join(f"\f{line}" if line.startswith("[") else line for line in kept)
    return [table.strip() for table in whole.split("\f") if table.strip()]
