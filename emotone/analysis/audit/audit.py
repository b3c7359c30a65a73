"""Can this number be believed? A run, a folder of runs or a table with a split, looked through for leaks."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from emotone.analysis.audit import copies, split_table
from emotone.analysis.audit import leak_checks as leaks
from emotone.analysis.audit.copies import Pair
from emotone.analysis.audit.findings import SEVERITIES, Case, Finding
from emotone.data.corpora import data_folder
from emotone.errors import RunError
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.features.extraction import cache as blocks
from emotone.reports import templates
from emotone.reports.wording import counted
from emotone.runs.finished_run import Member
from emotone.runs.run import Run

FILE = "audit.json"
"""What a run keeps of its own audit."""
_CLEAN = "clean"


@dataclass(frozen=True)
class Audit:
    """What was found in one run or table.

    Attributes:
        what: its folder or file.
        clips, folds: how many were looked at.
        findings: the worst first.
        unreadable: key, file and reason of clips that could not be listened to.
        listened: how many could.
        seconds: it took.
    """

    what: str
    clips: int
    folds: int
    findings: Sequence[Finding]
    unreadable: Sequence[dict[str, str]]
    listened: int
    seconds: float

    @property
    def verdict(self) -> str:
        """`leak`, `transductive` or `clean`, notes change nothing; `unknown` where nothing was found nor heard."""
        found = {finding.severity for finding in self.findings}
        none = _CLEAN if self.listened else "unknown"
        return next((one for one in SEVERITIES if one in found and one != "note"), none)

    @property
    def ok(self) -> bool:
        """No leak, and every clip could be listened to."""
        return self.verdict != "leak" and not self.unreadable

    @property
    def line(self) -> str:
        """The verdict in one line."""
        told = [finding.says for finding in self.findings if finding.severity == self.verdict]
        if told:
            return f"{self.verdict}: {' '.join(told)}"
        voices = "" if any(finding.check == "speakers" for finding in self.findings) else "voice, "
        heard = "" if self.listened == self.clips else f"; {self.listened:,} of {self.clips:,} clips were listened to"
        unsaid = "" if voices else "; who speaks is not known"
        what = f"no {voices}recording or copy of a tested clip was found on the training side"
        return f"{self.verdict}: {what}{heard}{unsaid}."

    def as_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        found = [{**asdict(one), "affected": sorted(one.affected)} for one in self.findings]
        facts = {name: getattr(self, name) for name in ("what", "verdict", "line", "ok", "clips", "folds", "listened")}
        return {**facts, "findings": found, "unreadable": list(self.unreadable), "seconds": round(self.seconds, 2)}

    def as_text(self, most: int = 10) -> str:
        """The findings for people; of proofs and files the first `most`."""
        lines = [f"{self.what}: {self.clips:,} clips, {self.folds} fold{'' if self.folds == 1 else 's'}"]
        lines.append(f"verdict: {self.verdict if self.verdict in SEVERITIES else self.line}")
        for one in self.findings:
            lines += ["", f"{one.severity.upper()}  {one.says}", f"  {one.advice}"]
            lines += [f"  {_proof(proof)}" for proof in one.proof[:most] if one.severity == "leak" or "tested" in proof]
            if one.worth:
                lines.append(f"  {one.worth['says']}")
        if self.unreadable:
            lines += ["", f"could not be read: {len(self.unreadable)}"]
            lines += [f"  {one['reason']}" for one in self.unreadable[:most]]
        return "\n".join(lines)


def audit(
    what: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    listen: bool = True,
    progress: bool = False,
) -> list[Audit]:
    """What was found in a run, in every run below a folder, or in a table with a column `split`.

    Args:
        what: a run's folder (of an ensemble its members are looked at), a folder with runs below it, or a CSV.
        data: where files of a table may be that are not found from its own folder; None is `$EMOTONE_DATA`.
        listen: False looks at names and numbers alone; no file is opened.
        progress: draw a bar while clips are listened to.

    Raises:
        TableError: the table cannot be read, or says of no clip that it is tested.
        RunError: there is no run, or one whose clips or folds are not known any more.
    """
    path = Path(what)
    if not path.is_dir():
        return [_table(path, [data_folder(data)], listen, progress)]
    return [_run(Run.open(folder), listen, progress) for folder in _runs(path)]


def write_audit(run: Run, *, progress: bool = False) -> Audit:
    """The audit of a finished run, written to its folder as `audit.json`."""
    found = _run(run, True, progress)
    run.write_json(FILE, found.as_dict())
    return found


def write_page(audits: Sequence[Audit], path: str | os.PathLike[str]) -> Path:
    """A self-contained page of what was found; returns its path.

    Raises:
        MissingExtra: jinja2 is absent.
    """
    return templates.write(path, "audit.html", {"title": "Can it be believed?", "audits": [_paged(a) for a in audits]})


def _runs(folder: Path) -> list[Path]:
    """The run, the members of an ensemble, or every finished run below a folder."""
    if (folder / "ensemble.yaml").is_file():
        listing = yaml.safe_load((folder / "ensemble.yaml").read_text(encoding="utf-8"))
        return [Path(name) for name in listing["members"]]
    if (folder / "started.json").is_file():
        return [folder]
    below = sorted(path.parent for path in folder.rglob("scores.json") if (path.parent / "recipe.yaml").is_file())
    if not below:
        raise RunError(f"{folder} holds no finished run; name a run, a folder of runs, or a CSV with the column split")
    return below


def _run(run: Run, listen: bool, progress: bool) -> Audit:
    member = Member(run)
    table = member.dataset.table
    case = Case(table, member.folds, table.column("key").tolist(), recipe=run.recipe, scores=member.scores)
    return _audited(str(run.folder), case, member.scores["failures"], listen, progress, member.predictions)


def _table(path: Path, folders: Sequence[Path], listen: bool, progress: bool) -> Audit:
    said = split_table.read(path, folders=folders)
    case = Case(said.table, [said.fold], said.table.column("id").tolist(), sources=said.sources)
    return _audited(str(path), case, [], listen, progress, None)


def _audited(
    what: str,
    case: Case,
    failures: Sequence[dict[str, str]],
    listen: bool,
    progress: bool,
    predictions: Predictions | None,
) -> Audit:
    started = time.monotonic()
    heard, unreadable = case, list(failures)
    listened = 0
    if listen:
        pairs, found = _listened(case, progress)
        heard, listened = replace(case, pairs=pairs), len(case.table) - len(found)
        unreadable += found
    findings = [_with_worth(one, predictions) for one in leaks.find(heard)]
    return Audit(what, len(case.table), len(case.folds), findings, unreadable, listened, time.monotonic() - started)


def _listened(case: Case, progress: bool) -> tuple[list[Pair] | None, list[dict[str, str]]]:
    """Recordings on both sides, None where nothing could be heard; and the clips that could not be."""
    prints, failures = copies.listen(case.table, cache=blocks.folder(), progress=progress)
    told = [{"key": one.key, "file": str(one.file), "reason": one.reason} for one in failures]
    if prints is None:
        return None, told
    place = {row.key: number for number, row in enumerate(case.table)}
    rows = np.array([place[row.key] for row in prints.table], dtype=np.int64)
    return copies.across(prints, case.folds, rows), told


def _with_worth(finding: Finding, predictions: Predictions | None) -> Finding:
    """A leak with the score of the tested clips it touches beside that of the others, where both can be had."""
    if finding.severity != "leak" or not finding.affected or predictions is None:
        return finding
    touched = np.isin(predictions.key, sorted(finding.affected))
    if touched.all():
        says = "What it is worth cannot be told by scoring again: it touches every tested clip; train again without it."
        return replace(finding, worth={"says": says})
    parts = {
        name: evaluation.evaluate(predictions.take(mask))["scores"]["uar"]
        for name, mask in (("touched", touched), ("others", ~touched))
    }
    shown = {name: _interval(part) for name, part in parts.items()}
    says = (
        f"UAR {shown['touched']} on the {int(touched.sum()):,} clips it touches, {shown['others']} on the "
        f"{int((~touched).sum()):,} others."
    )
    return replace(finding, worth={"says": says, **parts})


def _interval(score: dict[str, float | None]) -> str:
    """`83.1 % [80.2, 86.0]`; without an interval where one speaker allows none."""
    value, low, high = (templates.percent(score[name]) for name in ("value", "low", "high"))
    return f"{value} %" + ("" if score["low"] is None else f" [{low}, {high}]")


def _proof(proof: Any) -> str:
    """One proof as a line."""
    if "sentence" in proof:
        return f"{proof['sentence']} (fold {proof['fold']})"
    if "speaker" in proof:
        sides = f"{counted(len(proof['tested']), 'clip')} tested, {len(proof['learned'])} learned from"
        return f"{proof['speaker']}: {sides} (fold {proof['fold']}), as {proof['tested'][0]} and {proof['learned'][0]}"
    return f"{proof['tested']} tested, {proof['learned']} learned from ({proof['how']}, fold {proof['fold']})"


def _paged(found: Audit) -> dict[str, Any]:
    """An audit as the page wants it."""
    lines = [[_proof(proof) for proof in one.proof] for one in found.findings]
    plain = found.as_dict()
    for one, proofs in zip(plain["findings"], lines, strict=True):
        one["lines"] = proofs
    return plain
