"""Rows of a benchmark as Markdown tables: summary, scores with intervals, per corpus, confusions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

from emotone.reports.wording import Row, claim_of, corpora_of, is_untrained, marked, percent, protocol_of, step_of
from emotone.runs import cross_corpus

SCORES = ("uar", "accuracy", "macro_f1")
_WAYS = ("random split (not speaker-independent)", "unseen speakers")


def as_markdown(rows: Sequence[Row], failures: Sequence[Mapping[str, str]] = (), environment: Row | None = None) -> str:
    """The table of a benchmark for documents: scores in percent with 95 % intervals over speakers, and how it was made.

    Systems that were measured under both protocols, `random` and `speakers`, have one row each, next to their claim; a
    summary of them comes first. Sections have headings where there are several.
    """
    sections: list[tuple[str, str]] = []
    matrices = cross_corpus.matrices(rows)
    all_rows, rows = rows, [row for row in rows if not row.get("cross")]
    rows, shared = _without_shared_changes(rows)
    untrained = [row for row in rows if is_untrained(row)]
    rows = [row for row in rows if not is_untrained(row)]
    leaks = [row for row in rows if "data.leak" in row.get("varied", {})]
    rows = [row for row in rows if row not in leaks]
    both = _under_both_protocols(rows)
    if both:
        sections.append(("Summary", _summary(both)))
    for matrix in matrices:
        sections.append((f"Cross-corpus matrix of {matrix['recipe']}", cross_corpus_table(matrix)))
        sections.append((f"Labels and clips of {matrix['recipe']}", _labels(matrix)))
    if leaks:
        sections.append(("UAR with each simulated leak", _leak_steps(leaks)))
    if both:
        sections.append(("Settings and scores with intervals", _systems(both)))
    if rest := [row for row in rows if not any(row in pair for pair in both)]:
        sections.append(("Runs under one protocol", _single_runs(rest)))
    if several := [row for row in rows if len(row.get("per_corpus", {})) > 1]:
        sections.append(("Accuracy per corpus (UAR in brackets)", _per_corpus(several)))
        sections.append(("The ten most frequent confusions per corpus", _confusions(several)))
    if failures:
        sections.append(("Not measured", _failures(failures)))
    if untrained:
        sections.append(("Untrained runs", _untrained(untrained)))
    parts = ["Every run with " + ", ".join(f"`{change}`" for change in shared) + ".\n"] if shared else []
    for heading, text in sections:
        parts += [f"## {heading}\n", text] if len(sections) > 1 else [text]
    if environment is not None:
        seeds = sorted({seed for row in all_rows for seed in row["seeds"]})
        parts.append(
            f"Made by `{environment['command']}`, seeds {', '.join(map(str, seeds))}, on {_machines(all_rows)}; torch "
            f"{environment.get('torch', '-')}. Scores in percent with 95 % intervals over speakers. Seconds are those "
            "of a whole run: features, every fold and, where one is kept, the model trained on all clips.\n"
        )
    return "\n".join(parts)


def _machines(rows: Sequence[Row]) -> str:
    """The hardware of the rows; if several machines, the number of rows and the commits of each."""
    machines: dict[str, list[str]] = {}
    for row in rows:
        machines.setdefault(row["hardware"], []).append(row["commit"] or "-")
    if len(machines) < 2:
        return next(iter(machines), "-")
    named = (
        f"{name} ({len(of)} row{'s' if len(of) > 1 else ''}, commit {', '.join(dict.fromkeys(of))})"
        for name, of in machines.items()
    )
    return " and ".join(named)


def _without_shared_changes(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The rows without the changed settings that all of them share, and those settings."""
    shared = list(rows[0].get("changes", [])) if rows else []
    if any(row.get("changes", []) != shared for row in rows):
        return list(rows), []
    return [{**row, "changes": []} for row in rows], shared


def cross_corpus_table(matrix: Row) -> str:
    """A cross-corpus matrix: UAR, chance level, and the UAR of the within-corpus system on the same labels."""
    about = marked(matrix["recipe"], matrix)
    about += f", instead of {', '.join(matrix['instead_of'])}" if matrix["instead_of"] else ""
    about += f"; not available: {', '.join(matrix['missing'])}" if matrix["missing"] else ""
    lines = [(line["train_on"], *map(matrix_cell, line["cells"])) for line in matrix["lines"]]
    return (
        f"{about}; commit {' '.join(matrix['commits'])}, {matrix['seconds']:.0f} seconds.\n\n"
        "Rows: training corpus; columns: test corpus. UAR on the labels that both have, with its interval over test "
        "speakers; in brackets the chance level and the UAR of the test corpus's within-corpus system on the same "
        "labels. *Within*: that system, tested on unseen speakers, on the largest label set of its column.\n\n"
    ) + _table(("trained on \\ tested on", *matrix["corpora"]), lines)


def matrix_cell(cell: Row | None) -> str:
    """A cell of a cross-corpus matrix; `-` for none."""
    if cell is None:
        return "-"
    score = f"{percent(cell['uar'])} (chance {100 * cell['chance']:.1f}"
    if cell["kind"] == "within":
        return f"*within* {score})"
    return f"**{score[: score.index(' ')]}**{score[score.index(' ') :]}; within-corpus {_value(cell['within'])})"


def _value(interval: Row | None) -> str:
    """A score without its interval."""
    return percent({"value": interval["value"] if interval else None})


def _labels(matrix: Row) -> str:
    lines = [
        (
            cell["train_on"] + (" (other speakers)" if cell["kind"] == "within" else ""),
            cell["test_on"],
            f"{len(cell['labels'])}: {', '.join(cell['labels'])}",
            cell["labels_note"],
            f"{cell['dropped']:,}",
            f"{cell['clips']:,}, {cell['speakers']}",
            percent(cell["accuracy"]),
        )
        for line in matrix["lines"]
        for cell in line["cells"]
        if cell
    ]
    header = (
        "trained on",
        "tested on",
        "labels",
        "other labels",
        "clips dropped",
        "test clips, speakers",
        "accuracy",
    )
    return _table(header, lines)


def _under_both_protocols(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(random split, unseen speakers) of each system that has both on the same clips."""
    pairs = []
    for row in rows:
        if row["protocol"] == "random":
            same = ("recipe", "corpus", "varied")
            pairs += [
                (row, other)
                for other in rows
                if other["protocol"] == "speakers" and all(row.get(key) == other.get(key) for key in same)
            ]
    return pairs


def _summary(pairs: Sequence[tuple[Row, Row]]) -> str:
    header = ("system", "claimed", *(f"{way}: accuracy (UAR)" for way in _WAYS), "folds measured, unseen speakers")
    lines = []
    for random, unseen in pairs:
        name = marked(unseen["recipe"], {key: unseen.get(key, {}) for key in ("varied", "caveats")})
        scores = (f"{_value(row['accuracy'])} ({_value(row['uar'])})" for row in (random, unseen))
        claim = claim_of({"claimed": unseen["claimed"], "claimed_on": ""})
        lines.append((f"{unseen.get('id', '')} {name}".strip(), claim, *scores, _folds(unseen)))
    return "In percent; intervals and settings are in the next table.\n\n" + _table(header, lines)


def _folds(row: Row) -> str:
    folds, made = row.get("folds", 0), row.get("folds_made", 0)
    return f"{folds} of {made}" if folds != made else str(folds)


def _systems(pairs: Sequence[tuple[Row, Row]]) -> str:
    scores = [f"{way}: {score}" for way in _WAYS for score in ("accuracy", "UAR")]
    header = ("system", "claimed", *scores, "corpora", "test clips, speakers", "parameters", "seconds", "commit")
    lines = []
    for random, unseen in pairs:
        left_out = "" if unseen.get("folds") == unseen.get("folds_made") else f" ({protocol_of(unseen)})"
        lines.append(
            (
                f"{unseen.get('id', '')} {marked(unseen['recipe'], unseen)}".strip(),
                claim_of(unseen),
                percent(random["accuracy"]) + ("" if random.get("folds", 1) == 1 else f" ({random['folds']} folds)"),
                percent(random["uar"]),
                percent(unseen["accuracy"]) + left_out,
                percent(unseen["uar"]),
                corpora_of(unseen),
                f"{unseen['clips']:,}, {unseen['speakers']}",
                f"{unseen['parameters']:,}",
                f"{random['seconds']:.0f} + {unseen['seconds']:.0f}",
                " ".join(dict.fromkeys(str(row["commit"] or "-") for row in (random, unseen))),
            )
        )
    return _table(header, lines)


def leak_steps(rows: Iterable[Row]) -> dict[str, dict[str, Row]]:
    """Recipe and corpus -> simulated leak, in lines of 44 characters -> UAR; other rows are left out."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if "data.leak" in row.get("varied", {}):
            found.setdefault(f"{row['recipe']} on {row['corpus']}", {})[fill(step_of(row), 44)] = row["uar"]
    return found


def _leak_steps(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        same = [other for other in rows if (other["recipe"], other["corpus"]) == (row["recipe"], row["corpus"])]
        correct = next((other for other in same if other["speaker_independent"]), None)
        gain = "-" if correct is None else f"{100 * (row['uar']['value'] - correct['uar']['value']):+.1f}"
        scores = (percent(row["uar"]), "" if row is correct else gain, percent(row["accuracy"]))
        lines.append((row["recipe"], row["corpus"], step_of(row), *scores, _folds(row), row["commit"] or "-"))
    header = ("recipe", "corpus", "split and leak", "UAR", "change by the leak", "accuracy", "folds", "commit")
    return _table(header, lines)


def _single_runs(rows: Sequence[Row]) -> str:
    header = (
        "recipe",
        "corpus",
        "protocol",
        "UAR",
        "accuracy",
        "macro-F1",
        "claimed",
        "parameters",
        "seconds",
        "commit",
    )
    lines = []
    for row in rows:
        scores = [percent(row[score]) for score in SCORES]
        about = [f"{row['parameters']:,}", f"{row['seconds']:.0f}", row["commit"] or "-"]
        lines.append((marked(row["recipe"], row), corpora_of(row), protocol_of(row), *scores, claim_of(row), *about))
    return _table(header, lines)


def _per_corpus(rows: Sequence[Row]) -> str:
    corpora = list(dict.fromkeys(corpus for row in rows for corpus in row["per_corpus"]))
    lines = []
    for row in rows:
        found = (row["per_corpus"].get(corpus) for corpus in corpora)
        cells = [f"{percent(part['accuracy'])} ({_value(part['uar'])})" if part else "-" for part in found]
        lines.append((marked(row["recipe"], row), protocol_of(row), *cells))
    return _table(("recipe", "protocol", *corpora), lines)


def _confusions(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        for corpus, found in row["per_corpus"].items():
            errors = [
                f"{e['truth']} → {e['prediction']} {e['clips']} ({e['share']:.0%})" for e in found["most_confused"]
            ]
            lines.append((marked(row["recipe"], row), protocol_of(row), corpus, "; ".join(errors)))
    return _table(("recipe", "protocol", "corpus", "true → predicted: clips (share of the true label)"), lines)


def _failures(failures: Sequence[Mapping[str, str]]) -> str:
    lines = [(failure["recipe"], failure["claimed"], failure["corpora"], failure["reason"]) for failure in failures]
    return _table(("recipe", "claimed", "corpora", "not measured because"), lines)


def _untrained(rows: Sequence[Row]) -> str:
    lines = [(marked(row["recipe"], row), corpora_of(row), protocol_of(row), percent(row["uar"])) for row in rows]
    return (
        "Not results: random weights in place of pretrained ones, one short run each, to show that the system runs.\n\n"
        + _table(("recipe", "corpora", "protocol", "UAR"), lines)
    )


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |\n" for row in rows
    )
