"""The license server of OpenAvathar: a process of its own, which knows nothing of the app."""
