"""The license server of OpenAvathar: a process of its own, which knows nothing of the app."""

__version__ = "0.1.0"
