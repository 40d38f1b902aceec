"""The command in this process: what a shell would run, without the second that an interpreter takes to start."""

import io
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest.mock import patch

from pipelines.cli import main
from pipelines.cli.logs import LOGGERS


def darkroom(*words, answer="", env: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run a command line; neither its input nor its output is a terminal.

    Parameters
    ----------
    answer : str
        What it reads.
    env : Mapping, optional
        Variables beside those of this process; by default without those that name an archive.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    stdin = io.TextIOWrapper(io.BytesIO(answer.encode()), encoding="utf-8")
    before = signal.getsignal(signal.SIGTERM)
    argv = ["darkroom", *map(str, words)]
    names = ("DARKROOM_HOME", "CATALOG_URL", "ARRAYSTORE_URL")
    with patch.dict(os.environ), patch.object(sys, "argv", argv), patch.object(sys, "stdin", stdin):
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(env or {})
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as ended:
            code = ended.code
        finally:
            signal.signal(signal.SIGTERM, before)
            for logger in map(logging.getLogger, LOGGERS):
                for handler in list(logger.handlers):
                    logger.removeHandler(handler)
                    handler.close()
                logger.setLevel(logging.NOTSET)
    told, wrong = (stream.buffer.getvalue().decode() for stream in (out, err))
    return CompletedProcess(argv, code, told, wrong)
