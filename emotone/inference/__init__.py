"""Prediction with exported models, through onnxruntime, without torch."""

import os

# onnxruntime 1.31 and later uploads usage data unless this is set before it is imported; recordings are private.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
