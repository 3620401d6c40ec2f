"""The engine of an ordinary installation, with the app's own log, which never learns a secret."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from oavr_tui.app_log import start_log
from oavr_tui.engine.engine import Engine
from oavr_tui.engine.event_log import EventLog
from oavr_tui.engine.rental import PodSetup
from oavr_tui.engine.setup import gate_setup, pod_setup
from oavr_tui.errors import BadInput
from oavr_tui.paths import Paths
from oavr_tui.redact import Redactor
from oavr_tui.secrets_file import load_secrets
from oavr_tui.settings import Settings


def logged_engine(
    paths: Paths, settings: Settings, say: Callable[[str], None], environ: Mapping[str, str] | None = None
) -> Engine:
    """An engine for these settings, not opened yet, whose changes are written to the log of this process.

    say: told what a person should know about the file of keys. Raises BadInput as pod_setup does.
    """
    environ = os.environ if environ is None else environ
    redactor = Redactor()
    log = start_log(paths, redactor)
    setup = guarded(pod_setup(paths, settings, environ), redactor, log)
    try:
        secrets = load_secrets(paths, environ)
    except BadInput as error:
        say(error.message)  # and the log has it as soon as a key is needed
    else:
        for secret in (secrets.runpod_key, *secrets.address_tokens.values()):
            redactor.know(secret)
        for note in secrets.notes:
            log.warning("%s", note)
            say(note)
    gate = gate_setup(paths, environ, redactor.know)
    engine = Engine(paths, settings=settings, pods=setup, environ=environ, gate=gate)
    engine.bus.also(EventLog(log, lambda: engine.driving, engine.job, redactor.know_pod).hear)
    return engine


def guarded(setup: PodSetup, redactor: Redactor, log: logging.Logger) -> PodSetup:
    """The same setup, but every secret and every pod's id is known to the redactor before anything is done with it.

    A file of keys that cannot be read any more takes no key away, since pods have to be stopped with it; one that never
    could be read is as good as none, since a preview needs no key.
    """
    last: str | None = None
    told = ""

    def key() -> str | None:
        nonlocal last, told
        try:
            last = setup.key()
        except BadInput as error:
            if error.message != told:
                told = error.message
                log.warning("%s", told)
        redactor.know(last)
        return last

    def token(name: str) -> str | None:
        found = setup.token(name)
        redactor.know(found)
        return found

    def service(pod_id: str, port: int) -> str:
        redactor.know_pod(pod_id)
        return setup.service(pod_id, port)

    return replace(setup, key=key, token=token, service=service, hide=redactor.know)
