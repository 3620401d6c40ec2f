"""Whom the app talks to. Each client checks what comes in at its border and turns failures into errors.py."""
