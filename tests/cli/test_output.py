"""Tables on standard output, printed with and without rich."""

from __future__ import annotations

import pytest

from emotone.cli import output
from emotone.cli.output import print_table

ROWS = [("[a] call.wav", "angry", "0.91"), ("b.wav", "unsure", "0.4"), ("[red]c[/red].wav", "happy", "0.77")]


def test_a_table_is_the_same_by_rich_and_keeps_names_in_brackets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = ("file", "emotion", "sure")
    print_table(columns, ROWS)
    plain = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line.split("  ")[0] for line in plain[1:]] == [name for name, *_ in ROWS]
    assert [line[-4:] for line in plain] == ["sure", "0.91", " 0.4", "0.77"]
    output._print_by_rich(columns, ROWS, [False, False, True], None)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == plain
