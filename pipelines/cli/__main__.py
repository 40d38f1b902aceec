"""``python -m pipelines.cli`` is the ``darkroom`` command."""

from pipelines.cli import main

main()
