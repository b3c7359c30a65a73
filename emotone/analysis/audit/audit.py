"""Audit of a run, a folder of runs or a table with a split: is its score valid, or is there a leak?"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotone.analysis.audit import copies, split_table
from emotone.analysis.audit import leak_checks as leaks
from emotone.analysis.audit.copies import Pair
from emotone.analysis.audit.findings import SEVERITIES, AuditInput, Finding
from emotone.audio.source import printable
from emotone.data.corpora import data_folder
from emotone.data.progress import Progress, no_progress
from emotone.errors import EmotoneError, RunError
from emotone.evaluation import scores as evaluation
from emotone.evaluation.scores import Predictions
from emotone.features.extraction import cache as blocks
from emotone.reports import templates
from emotone.reports.wording import counted
from emotone.runs.finished_run import FinishedRun
from emotone.runs.run import Run

FILE = "audit.json"
"""File in a run folder with the run's own audit."""
_CLEAN = "clean"


@dataclass(frozen=True)
class Audit:
    """Findings of the audit of one run or table.

    Attributes:
        what: its folder or file.
        clips, folds: how many were checked.
        findings: the worst first.
        unreadable: key, file and reason of clips whose audio could not be read.
        compared: number of clips whose audio was compared.
        seconds: duration of the audit.
    """

    what: str
    clips: int
    folds: int
    findings: Sequence[Finding]
    unreadable: Sequence[dict[str, str]]
    compared: int
    seconds: float

    @property
    def verdict(self) -> str:
        """`leak`, `transductive` or `clean` (notes do not count); `unknown` without findings and without audio."""
        found = {finding.severity for finding in self.findings}
        none = _CLEAN if self.compared else "unknown"
        return next((severity for severity in SEVERITIES if severity in found and severity != "note"), none)

    @property
    def ok(self) -> bool:
        """No leak, and every clip could be read."""
        return self.verdict != "leak" and not self.unreadable

    @property
    def line(self) -> str:
        """The verdict in one line."""
        messages = [finding.message for finding in self.findings if finding.severity == self.verdict]
        if messages:
            return f"{self.verdict}: {' '.join(messages)}"
        known = not any(finding.check == "speakers" and finding.severity == "note" for finding in self.findings)
        partial = f"; {self.compared:,} of {self.clips:,} clips could be read" if self.compared != self.clips else ""
        unchecked = "" if known else "; not all speakers are known"
        what = f"no {'speaker, ' if known else ''}recording or copy of a test clip was found on the training side"
        return f"{self.verdict}: {what}{partial}{unchecked}."

    def as_dict(self) -> dict[str, Any]:
        """Everything, in types that JSON knows."""
        found = [{**asdict(finding), "affected": sorted(finding.affected)} for finding in self.findings]
        facts = {name: getattr(self, name) for name in ("what", "verdict", "line", "ok", "clips", "folds", "compared")}
        return {**facts, "findings": found, "unreadable": list(self.unreadable), "seconds": round(self.seconds, 2)}

    def as_text(self, most: int = 10) -> str:
        """The findings as text, with the first `most` proofs and files of each."""
        lines = [f"{self.what}: {self.clips:,} clips, {counted(self.folds, 'fold')}"]
        lines.append(f"verdict: {self.verdict if self.verdict in SEVERITIES else self.line}")
        for finding in self.findings:
            lines += ["", f"{finding.severity.upper()}  {finding.message}", f"  {finding.advice}"]
            shown = [proof for proof in finding.proof if finding.severity == "leak" or "tested" in proof]
            lines += [f"  {_proof(proof)}" for proof in shown[:most]]
            if len(shown) > most:
                lines.append(f"  and {len(shown) - most:,} more; --json and --html list all")
            if finding.effect:
                lines.append(f"  {finding.effect['message']}")
        if self.unreadable:
            lines += ["", f"could not be read: {len(self.unreadable)}"]
            lines += [f"  {failure['reason']}" for failure in self.unreadable[:most]]
            if len(self.unreadable) > most:
                lines.append(f"  and {len(self.unreadable) - most:,} more")
        return "\n".join(lines)


def audit(
    what: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    read_audio: bool = True,
    progress: Progress = no_progress,
) -> list[Audit]:
    """Audit of a run, of every run below a folder, or of a table with a column `split`.

    Args:
        what: a run folder (of an ensemble: its members are audited), a folder with runs below it, or a CSV.
        data: where else to look for the files of a table; None is `$EMOTONE_DATA`.
        read_audio: False checks names and numbers only; no audio file is opened.
        progress: called while audio is read.

    Raises:
        TableError: the table cannot be read, or has no test clip.
        RunError: there is no run, or its clips or folds cannot be found again; of several runs, the other runs are
            audited, and such a run has the reason in `unreadable`.
    """
    path = Path(what)
    if not path.is_dir():
        return [_audit_table(path, [data_folder(data)], read_audio, progress)]
    folders = _runs(path)
    if folders == [path]:
        return [_audit_run(Run.open(path), read_audio, progress)]
    return [_audit_or_reason(folder, read_audio, progress) for folder in folders]


def write_audit(run: Run, *, progress: Progress = no_progress) -> Audit:
    """Audit of a finished run, written to its folder as `audit.json`."""
    found = _audit_run(run, True, progress)
    run.write_json(FILE, found.as_dict())
    return found


def write_page(audits: Sequence[Audit], path: str | os.PathLike[str]) -> Path:
    """Self-contained page of the findings; returns its path.

    Raises:
        MissingExtra: jinja2 is absent.
    """
    return templates.write(path, "audit.html", {"title": "Audit", "audits": [_paged(found) for found in audits]})


def _runs(folder: Path) -> list[Path]:
    """The run, the members of an ensemble, or every finished run below a folder."""
    if (folder / "ensemble.yaml").is_file():
        return Run(folder).members
    if (folder / "started.json").is_file():
        return [folder]
    below = sorted(path.parent for path in folder.rglob("scores.json") if (path.parent / "recipe.yaml").is_file())
    if not below:
        raise RunError(f"{folder} holds no finished run; name a run, a folder of runs, or a CSV with the column split")
    return below


def _audit_or_reason(folder: Path, read_audio: bool, progress: Progress) -> Audit:
    """The audit of one of several runs, or why it cannot be audited."""
    started = time.monotonic()
    try:
        return _audit_run(Run.open(folder), read_audio, progress)
    except EmotoneError as problem:
        failure = {"key": folder.name, "file": printable(str(folder)), "reason": str(problem)}
        return Audit(printable(str(folder)), 0, 0, [], [failure], 0, time.monotonic() - started)


def _audit_run(run: Run, read_audio: bool, progress: Progress) -> Audit:
    member = FinishedRun(run)
    table = member.dataset.table
    audited = AuditInput(table, member.folds, table.column("key").tolist(), recipe=run.recipe, scores=member.scores)
    return _check(str(run.folder), audited, member.scores["failures"], read_audio, progress, member.predictions)


def _audit_table(path: Path, folders: Sequence[Path], read_audio: bool, progress: Progress) -> Audit:
    split = split_table.read(path, folders=folders)
    audited = AuditInput(split.table, [split.fold], split.table.column("id").tolist(), sources=split.sources)
    return _check(str(path), audited, split.problems, read_audio, progress, None)


def _check(
    what: str,
    audited: AuditInput,
    failures: Sequence[dict[str, str]],
    read_audio: bool,
    progress: Progress,
    predictions: Predictions | None,
) -> Audit:
    """Run every check."""
    started = time.monotonic()
    unreadable = list(failures)
    compared = 0
    if read_audio:
        pairs, found = _recordings_on_both_sides(audited, progress)
        compared = len(audited.table) - len(found)
        audited = replace(audited, pairs=pairs)
        unreadable += found
    findings = [_with_effect(finding, predictions) for finding in leaks.find(audited)]
    seconds = time.monotonic() - started
    return Audit(printable(what), len(audited.table), len(audited.folds), findings, unreadable, compared, seconds)


def _recordings_on_both_sides(
    audited: AuditInput, progress: Progress
) -> tuple[list[Pair] | None, list[dict[str, str]]]:
    """Recordings on both sides, None where no clip could be read; and the clips that could not be read."""
    prints, failures = copies.fingerprints(audited.table, cache=blocks.folder(), progress=progress)
    rows_failed = [{"key": clip.key, "file": printable(str(clip.file)), "reason": clip.reason} for clip in failures]
    if prints is None:
        return None, rows_failed
    place = {clip.key: row for row, clip in enumerate(audited.table)}
    rows = np.array([place[clip.key] for clip in prints.table], dtype=np.int64)
    return copies.across(prints, audited.folds, rows), rows_failed


def _with_effect(finding: Finding, predictions: Predictions | None) -> Finding:
    """A leak with the score of the affected test clips and that of the others, where both can be computed."""
    if finding.severity != "leak" or not finding.affected or predictions is None:
        return finding
    affected = np.isin(predictions.key, sorted(finding.affected))
    if affected.all():
        message = (
            "The effect on the score cannot be measured: every test clip is affected. Train again without the leak."
        )
        return replace(finding, effect={"message": message})
    parts = {
        name: evaluation.evaluate(predictions.take(mask))["scores"]["uar"]
        for name, mask in (("affected", affected), ("others", ~affected))
    }
    shown = {name: _interval(part) for name, part in parts.items()}
    message = (
        f"UAR {shown['affected']} on the {counted(int(affected.sum()), 'affected clip')}, {shown['others']} on the "
        f"{int((~affected).sum()):,} others."
    )
    return replace(finding, effect={"message": message, **parts})


def _interval(score: dict[str, float | None]) -> str:
    """`83.1 % [80.2, 86.0]`; without an interval where one speaker allows none."""
    value, low, high = (templates.percent(score[name]) for name in ("value", "low", "high"))
    return f"{value} %" + ("" if score["low"] is None else f" [{low}, {high}]")


def _proof(proof: Any) -> str:
    """One proof as a line."""
    if "spellings" in proof:
        return " and ".join(f"{name!r} ({counted(clips, 'clip')})" for name, clips in proof["spellings"].items())
    if "rows" in proof:
        return str(proof["rows"])
    if "sentence" in proof:
        return f"{proof['sentence']} (fold {proof['fold']})"
    if "speaker" in proof:
        tested, training = proof["tested"], proof["training"]
        sides = f"{counted(len(tested), 'test clip')}, {counted(len(training), 'training clip')}"
        return f"{proof['speaker']}: {sides} (fold {proof['fold']}), such as {tested[0]} and {training[0]}"
    return f"test clip {proof['tested']}, training clip {proof['training']} ({proof['how']}, fold {proof['fold']})"


def _paged(found: Audit) -> dict[str, Any]:
    """An audit as the template takes it."""
    content = found.as_dict()
    for shown, finding in zip(content["findings"], found.findings, strict=True):
        shown["lines"] = [_proof(proof) for proof in finding.proof]
    return content
