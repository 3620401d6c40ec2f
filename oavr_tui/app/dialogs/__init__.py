"""One file a question to the person."""
