"""OpenAvathar in the terminal: a portrait and a voice become a talking-avatar video."""

__version__ = "0.1.0"
