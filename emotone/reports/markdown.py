"""Rows of a benchmark as tables for documents: a row per system or per cell, per corpus, and the commonest errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill

from emotone.reports.wording import Row, claim_of, corpora_of, is_plumbing, marked, percent, protocol_of, step_of
from emotone.runs import cross_corpus

SCORES = ("uar", "accuracy", "macro_f1")


def as_markdown(rows: Sequence[Row], failures: Sequence[Mapping[str, str]] = (), made: Row | None = None) -> str:
    """All that a document needs: scores in percent with their 95 % interval over speakers, and how they were made.

    Systems that were measured both by chance and with new speakers have one row each, beside what was claimed.
    """
    matrices = cross_corpus.matrices(rows)
    all_rows, rows = rows, [row for row in rows if not row.get("cross")]
    rows, shared = _without_what_all_share(rows)
    plumbing = [row for row in rows if is_plumbing(row)]
    rows = [row for row in rows if not is_plumbing(row)]
    stairs = [row for row in rows if "data.leak" in row.get("varied", {})]
    parts = ["Every run with " + ", ".join(f"`{change}`" for change in shared) + ".\n"] if shared else []
    parts += [text for matrix in matrices for text in (across(matrix), _labels(matrix))]
    parts += ["What each mistake adds to the score.\n", _stairs(stairs)] if stairs else []
    rows = [row for row in rows if row not in stairs]
    both = _measured_both_ways(rows)
    parts += [_systems(both)] if both else []
    if rest := [row for row in rows if not any(row in pair for pair in both)]:
        parts.append(_cells(rest))
    if several := [row for row in rows if len(row.get("per_corpus", {})) > 1]:
        parts += ["Accuracy by corpus (UAR in brackets).\n", _by_corpus(several)]
        parts += ["The ten most frequent errors by corpus: clips, and their share of the clips of the true label.\n"]
        parts.append(_errors(several))
    if failures:
        parts.append(_failures(failures))
    if plumbing:
        parts += ["Untrained plumbing, not results: random weights where pretrained ones belong, one short run each.\n"]
        lines = [
            (marked(row["recipe"], row), corpora_of(row), protocol_of(row), percent(row["uar"])) for row in plumbing
        ]
        parts.append(_table(("recipe", "corpora", "protocol", "UAR"), lines))
    if made is not None:
        seeds = sorted({seed for row in all_rows for seed in row["seeds"]})
        parts.append(
            f"Made by `{made['command']}`, seeds {', '.join(map(str, seeds))}, on {_machines(all_rows)}; torch "
            f"{made.get('torch', '-')}. Scores in percent with 95 % intervals over speakers. Seconds are those of a "
            "whole run: features, every fold and, where one is kept, the model trained on all clips.\n"
        )
    return "\n".join(parts)


def _machines(rows: Sequence[Row]) -> str:
    """On what the rows were measured; where that is several machines, how many rows on each, by commit."""
    machines: dict[str, list[str]] = {}
    for row in rows:
        machines.setdefault(row["hardware"], []).append(row["commit"] or "-")
    if len(machines) < 2:
        return next(iter(machines), "-")
    told = (
        f"{name} ({len(of)} row{'s' if len(of) > 1 else ''}, commit {', '.join(dict.fromkeys(of))})"
        for name, of in machines.items()
    )
    return " and ".join(told)


def _without_what_all_share(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The rows, and the settings that were changed for every one of them, which then need no place in each name."""
    shared = list(rows[0].get("changes", [])) if rows else []
    if any(row.get("changes", []) != shared for row in rows):
        return list(rows), []
    return [{**row, "changes": []} for row in rows], shared


def across(matrix: Row) -> str:
    """A matrix of corpora: UAR, chance, and what the tested corpus's own system has on the same labels."""
    about = marked(matrix["recipe"], matrix)
    about += f", instead of {', '.join(matrix['instead_of'])}" if matrix["instead_of"] else ""
    about += f"; not here: {', '.join(matrix['missing'])}" if matrix["missing"] else ""
    lines = [(line["train_on"], *map(crossed, line["cells"])) for line in matrix["lines"]]
    return (
        f"{about}; commit {' '.join(matrix['commits'])}, {matrix['seconds']:.0f} seconds.\n\n"
        "UAR on the labels that both sides have, what is learned from (rows) and what is tested (columns), with its "
        "interval over tested speakers; in brackets chance, and the UAR of the tested corpus's own system on the same "
        "labels. *Within*: that own system, tested on speakers it did not hear, on the most labels of its column.\n\n"
    ) + _table(("learned from \\ tested on", *matrix["corpora"]), lines)


def crossed(cell: Row | None) -> str:
    if cell is None:
        return "-"
    score = f"{percent(cell['uar'])} (chance {100 * cell['chance']:.1f}"
    if cell["kind"] == "within":
        return f"*within* {score})"
    return f"**{score[: score.index(' ')]}**{score[score.index(' ') :]}, own {_alone(cell['within'])})"


def _alone(interval: Row | None) -> str:
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
        "learned from",
        "tested on",
        "labels",
        "what became of others",
        "clips dropped",
        "tested clips, speakers",
        "accuracy",
    )
    return _table(header, lines)


def _measured_both_ways(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(by chance, with new speakers) of each system that has both on the same clips."""
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


def _systems(pairs: Sequence[tuple[Row, Row]]) -> str:
    ways = ("by chance (NOT speaker-independent)", "new speakers")
    scores = [f"{way}: {score}" for way in ways for score in ("accuracy", "UAR")]
    header = ("system", "claimed", *scores, "corpora", "new: clips, speakers", "parameters", "seconds", "commit")
    lines = []
    for chance, honest in pairs:
        left_out = "" if honest.get("folds") == honest.get("folds_made") else f" ({protocol_of(honest)})"
        lines.append(
            (
                f"{honest.get('id', '')} {marked(honest['recipe'], honest)}".strip(),
                claim_of(honest),
                percent(chance["accuracy"]) + ("" if chance.get("folds", 1) == 1 else f" ({chance['folds']} folds)"),
                percent(chance["uar"]),
                percent(honest["accuracy"]) + left_out,
                percent(honest["uar"]),
                corpora_of(honest),
                f"{honest['clips']:,}, {honest['speakers']}",
                f"{honest['parameters']:,}",
                f"{chance['seconds']:.0f} + {honest['seconds']:.0f}",
                " ".join(dict.fromkeys(str(row["commit"] or "-") for row in (chance, honest))),
            )
        )
    return _table(header, lines)


def stairs(rows: Iterable[Row]) -> dict[str, dict[str, Row]]:
    """Recipe and corpus -> what is done wrong, in lines of 44 characters -> UAR; rows of no staircase are left out."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if "data.leak" in row.get("varied", {}):
            found.setdefault(f"{row['recipe']} on {row['corpus']}", {})[fill(step_of(row), 44)] = row["uar"]
    return found


def _stairs(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        same = [one for one in rows if (one["recipe"], one["corpus"]) == (row["recipe"], row["corpus"])]
        honest = next((one for one in same if one["speaker_independent"]), None)
        more = "-" if honest is None else f"{100 * (row['uar']['value'] - honest['uar']['value']):+.1f}"
        folds = f"{row['folds']} of {row['folds_made']}" if row["folds"] != row["folds_made"] else str(row["folds"])
        scores = (percent(row["uar"]), "" if row is honest else more, percent(row["accuracy"]))
        lines.append((row["recipe"], row["corpus"], step_of(row), *scores, folds, row["commit"] or "-"))
    header = ("recipe", "corpus", "what is done", "UAR", "over the honest one", "accuracy", "folds", "commit")
    return _table(header, lines)


def _cells(rows: Sequence[Row]) -> str:
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


def _by_corpus(rows: Sequence[Row]) -> str:
    corpora = list(dict.fromkeys(corpus for row in rows for corpus in row["per_corpus"]))
    lines = []
    for row in rows:
        found = (row["per_corpus"].get(corpus) for corpus in corpora)
        cells = [
            f"{percent(one['accuracy'])} ({percent({'value': one['uar']['value']})})" if one else "-" for one in found
        ]
        lines.append((marked(row["recipe"], row), protocol_of(row), *cells))
    return _table(("recipe", "protocol", *corpora), lines)


def _errors(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        for corpus, found in row["per_corpus"].items():
            errors = [
                f"{e['truth']} → {e['prediction']} {e['clips']} ({e['share']:.0%})" for e in found["most_confused"]
            ]
            lines.append((marked(row["recipe"], row), protocol_of(row), corpus, "; ".join(errors)))
    return _table(("recipe", "protocol", "corpus", "true → heard"), lines)


def _failures(failures: Sequence[Mapping[str, str]]) -> str:
    lines = [(one["recipe"], one["claimed"], one["corpora"], one["reason"]) for one in failures]
    return "Not measured, and what is missing:\n\n" + _table(("recipe", "claimed", "corpora", "why"), lines)


def _table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |\n" for row in rows
    )
