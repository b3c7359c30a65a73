"""Files of the models that emotone includes."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
SHIPPED = {name: WEIGHTS / f"{name}.onnx" for name in ("default", "fast")}
"""Name of each model -> its file."""
