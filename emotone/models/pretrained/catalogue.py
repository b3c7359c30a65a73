"""Known pretrained speech encoders with their licences, and configs of tiny untrained ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Known:
    """A checkpoint of the Hugging Face hub, with licence and training data."""

    hub_id: str
    licence: str
    emotions_from: tuple[str, ...] = ()
    """Corpora whose emotion labels it was fine-tuned on; a score on one of them is not speaker-independent."""
    speech_from: tuple[str, ...] = ()
    """Corpora of speech it was pretrained on, without emotions; empty if its authors do not name them."""
    encoder_mb: float = 0.0
    """Size of its encoder in half precision, where it is used by itself."""
    encoder_sha256: str = ""
    """Digest of its encoder's tensors (`ctranslate2.digest`), by which a copy under another name is recognised."""


_LIBRISPEECH = ("LibriSpeech",)
_LIBRI_LIGHT = ("Libri-Light",)
_ROBUST = ("Libri-Light", "Common Voice", "Switchboard", "Fisher")
_WAVLM = ("Libri-Light", "GigaSpeech", "VoxPopuli")
_MANY_LANGUAGES = ("VoxPopuli", "Multilingual LibriSpeech", "Common Voice", "VoxLingua107", "BABEL")

KNOWN = {
    "wav2vec2-base": Known("facebook/wav2vec2-base", "Apache-2.0", (), _LIBRISPEECH),
    "wav2vec2-large-robust": Known("facebook/wav2vec2-large-robust", "Apache-2.0", (), _ROBUST),
    "xls-r-300m": Known("facebook/wav2vec2-xls-r-300m", "Apache-2.0", (), _MANY_LANGUAGES),
    "hubert-base": Known("facebook/hubert-base-ls960", "Apache-2.0", (), _LIBRISPEECH),
    "hubert-large": Known("facebook/hubert-large-ll60k", "Apache-2.0", (), _LIBRI_LIGHT),
    "wavlm-base-plus": Known("microsoft/wavlm-base-plus", "CC-BY-SA-3.0", (), _WAVLM),
    "wavlm-large": Known("microsoft/wavlm-large", "CC-BY-SA-3.0", (), _WAVLM),
    "data2vec-base": Known("facebook/data2vec-audio-base", "Apache-2.0", (), _LIBRISPEECH),
    "whisper-tiny.en": Known(
        "openai/whisper-tiny.en",
        "MIT",
        encoder_mb=16.4,
        encoder_sha256="fd90ee4c86bf0519d7e266dc195b66889a2c5ca8934e3ca51ebd5e025754f827",
    ),
    "whisper-base": Known(
        "openai/whisper-base",
        "MIT",
        encoder_mb=41.2,
        encoder_sha256="f3106a6c48cd87ac450d9060cc1718094aa0df2d88edb62a759a1ffc758d60c1",
    ),
    "whisper-small": Known("openai/whisper-small", "Apache-2.0"),
    "whisper-large-v3": Known("openai/whisper-large-v3", "Apache-2.0"),
    "audeering-msp-dim": Known(
        "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", "CC-BY-NC-SA-4.0", ("msp_podcast",), _ROBUST
    ),
    "superb-wav2vec2-base-er": Known("superb/wav2vec2-base-superb-er", "Apache-2.0", ("iemocap",), _LIBRISPEECH),
    "superb-hubert-large-er": Known("superb/hubert-large-superb-er", "Apache-2.0", ("iemocap",), _LIBRI_LIGHT),
    "xlsr-english-ravdess": Known(
        "ehcalabres/wav2vec2-lg-xlsr-en-speech-emotion-recognition", "Apache-2.0", ("ravdess",), ("Common Voice",)
    ),
}
"""Short name -> checkpoint. The last four were fine-tuned for emotion recognition; only their encoder is used."""

_SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
TINY: dict[str, dict[str, Any]] = {
    "wav2vec2": _SMALL,
    "hubert": _SMALL,
    "wavlm": _SMALL | {"num_buckets": 32, "max_bucket_distance": 80},
    "data2vec-audio": _SMALL | {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 5},
    "whisper": {
        "d_model": 16,
        "encoder_layers": 3,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_layers": 1,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 32,
        "num_mel_bins": 16,
        "max_source_positions": 50,
        "vocab_size": 32,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "decoder_start_token_id": 0,
    },
}
"""Family -> config of a tiny encoder, to test a recipe quickly: `random:wavlm`."""
