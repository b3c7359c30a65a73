"""Whatever a command is given, it ends in seconds with its answer or a line, and with no traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.fuzz import arguments


def test_every_command_is_fuzzed() -> None:
    assert arguments.commands() == sorted(arguments.CALLS)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", arguments.CALLS)
def test_odd_arguments(name: str, run: Any) -> None:
    @given(arguments.of_command(name))
    def odd_arguments(words: list[str]) -> None:
        outcome = run(words)
        place = words.index("--json") if "--json" in words else 0
        in_json = place and not words[place - 1].startswith("-") and "--help" not in words
        if in_json and outcome.status == 0:
            json.loads(outcome.stdout)

    odd_arguments()


@pytest.mark.fuzz
def test_odd_surroundings(run: Any) -> None:
    @given(some.sampled_from(sorted(arguments.CALLS)).flatmap(arguments.of_command), arguments.STREAMS)
    def odd_surroundings(words: list[str], streams: dict[str, Any]) -> None:
        if streams.get("env", {}).get("PYTHONIOENCODING") not in (None, "ascii", "cp1252"):
            streams["env"].pop("PYTHONIOENCODING")  # the interpreter does not start with others
        run(words, **streams)

    odd_surroundings()
