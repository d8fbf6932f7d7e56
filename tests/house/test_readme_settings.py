"""README.md's table of settings is what the program itself prints."""

from __future__ import annotations

from pathlib import Path

from node.cli.settings import as_markdown

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"


def test_the_readme_lists_the_settings_as_they_are() -> None:
    text = README.read_text("utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == as_markdown(), (
        f"put what `biaoshi settings --markdown` prints between {BEGIN} and {END}"
    )
