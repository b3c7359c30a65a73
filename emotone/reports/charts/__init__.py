"""Charts of report pages, one file per chart, each named as its function.

Every function returns one inline `<svg>` element (the confusion matrix a `<table>`) that is right in light and dark,
on a phone and on paper: the page gives the colours as CSS variables (`--ink`, `--muted`, `--line`, `--accent`,
`--surface`). The same numbers give the same bytes.
"""
