"""What is remembered: TinyDB on a crash-safe storage, the kept inputs, and the library of videos."""
