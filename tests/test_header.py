"""What the page's header shows of the glossary."""

import json
from pathlib import Path

import pytest

from tabs.shared import header

GLOSSARY = Path(__file__).parents[1] / "docs" / "glossary.md"


def test_every_symbol_of_the_documentation_is_on_the_page():
    rows = json.loads(header.message())["symbols"]
    table = GLOSSARY.read_text(encoding="utf-8").split("## Symbols")[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert [f"| {r['symbol']} | {r['code']} | {r['words']} |" for r in rows] == lines
    words = {row["symbol"]: row["words"] for row in rows}
    assert "the paper's t − 1" in words["t"] and len(rows) >= 18


@pytest.mark.parametrize(
    "text", ["# Glossary\n", "\n## Symbols\n\n| a | b |\n|---|---|\n| x | y |\n"]
)
def test_a_glossary_without_its_table_is_refused(text):
    with pytest.raises(ValueError, match="no table of symbols"):
        header.symbols(text)
