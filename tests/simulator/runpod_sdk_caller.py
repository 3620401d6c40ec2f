"""The real `runpod` package as a process of its own: calls come in as JSON lines, outcomes go out as JSON lines."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def call(runpod: Any, task: dict[str, Any]) -> dict[str, Any]:
    """Carry out one call against the address and with the key that the task names."""
    os.environ["RUNPOD_API_BASE_URL"] = task["base"]
    runpod.api_key = task["key"]
    try:
        if task["call"] == "run_graphql_query":
            from runpod.api.graphql import run_graphql_query

            return {"returned": run_graphql_query(**task["with"])}
        return {"returned": getattr(runpod, task["call"])(**task["with"])}
    except Exception as error:  # whatever the package raises is what is asked for
        return {"raised": type(error).__name__, "message": str(error)}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # the package may print
    import runpod

    answers.write("ready\n")
    for line in sys.stdin:
        answers.write(json.dumps(call(runpod, json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
