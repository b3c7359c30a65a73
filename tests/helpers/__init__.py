"""What several tests share: synthetic sounds, small corpora, checkpoints, and ways to call the command line."""
