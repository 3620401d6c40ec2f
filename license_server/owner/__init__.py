"""The owner's commands: they look at the store, and change it, also while the server runs."""
