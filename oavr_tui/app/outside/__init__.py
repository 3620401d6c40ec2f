"""The terminal around the app, and what lies beyond it: copying, opening, paths, signals. No screens."""
