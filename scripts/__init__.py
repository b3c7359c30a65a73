"""How generated files of the repository were made, a folder per purpose; run with `python -m scripts.FOLDER.NAME`."""
