"""An ONNX file that emotone exported: its onnxruntime session and its metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnxruntime

from emotone.errors import ModelError

FORMAT = 6
"""Version of the metadata."""


def open_session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    """The session of a file.

    Args:
        threads: of onnxruntime; 0: its own choice.

    Raises:
        ModelError: it is not readable as ONNX.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(_loadable(file), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime raises its own kinds, which it does not publish
        raise ModelError(
            f"{file}: not readable as ONNX ({one_line(problem)}); train the run again, or export it again"
        ) from problem


def metadata(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """What emotone wrote about the model.

    Raises:
        ModelError: nothing, or in a format that is not known.
        ValueError: it is damaged.
    """
    text = session.get_modelmeta().custom_metadata_map.get("emotone")
    if text is None:
        raise ModelError("this ONNX file holds no classes and features; use a file that emotone exported")
    facts: dict[str, Any] = json.loads(text)
    if (found := facts.get("format")) != FORMAT:
        advice = "update emotone" if isinstance(found, int) and found > FORMAT else "train or export it again"
        raise ModelError(f"the model has format {found}, this emotone reads {FORMAT}; {advice}")
    return facts


def one_line(problem: Exception) -> str:
    """The text of an error of a library, in one line."""
    return " ".join(str(problem).split())[:200]


def _loadable(file: Path) -> str | bytes:
    """What onnxruntime takes: the path, or the bytes of the file if its name is not UTF-8."""
    name = str(file)
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return file.read_bytes()
    return name
