"""ESD, Mandarin: ten speakers, the same 350 sentences in five emotions."""

from __future__ import annotations

from emotone.data.corpora.esd_english import EsdEnglish


class EsdMandarin(EsdEnglish):
    """ESD, the 17500 Mandarin clips (speakers 0001-0010); parsed and documented as the English part."""

    name = "esd_mandarin"
    title = "Emotional Speech Dataset (ESD), Mandarin part"
    language = "zh"
    obtain = (
        "Sign the licence linked from https://github.com/HLTSingapore/Emotional-Speech-Data, follow its download "
        "link and unpack the speaker folders 0001 to 0010 there."
    )
    # two speakers each, one of each sex
    folds = (("0001", "0004"), ("0002", "0005"), ("0003", "0006"), ("0007", "0008"), ("0009", "0010"))

    # from the ReadMe.txt of the corpus
    sexes = dict.fromkeys(["0004", "0005", "0006", "0008", "0010"], "male") | dict.fromkeys(
        ["0001", "0002", "0003", "0007", "0009"], "female"
    )
