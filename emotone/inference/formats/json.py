"""JSON: one object, or a list of them where several recordings were given; then failures stand in it, too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from emotone.inference.formats import TEXT, Format
from emotone.inference.prediction import Prediction


class Json(Format):
    """Everything that a prediction holds."""

    suffix = ".json"
    several = True

    def write(
        self, path: Path, predictions: Sequence[Prediction], failures: Sequence[Mapping[str, str]], *, segments: bool
    ) -> None:
        single = len(predictions) == 1 and not failures
        content = [*(prediction.as_dict() for prediction in predictions), *failures]
        with path.open("w", **TEXT) as handle:
            json.dump(content[0] if single else content, handle, indent=1, ensure_ascii=False)
