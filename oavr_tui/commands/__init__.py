"""The commands of `oavr-tui`, one file each."""
