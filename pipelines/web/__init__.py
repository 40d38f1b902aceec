"""The archive on the web, to look at: nights, frames, pixels, groups, masters; pages and JSON at the same addresses.

Examples
--------
>>> from pipelines import open_archive  # doctest: +SKIP
>>> from pipelines.web import serve  # doctest: +SKIP
>>> serve(open_archive(readonly=True), port=8080)  # doctest: +SKIP
"""

from pipelines.web.app import application
from pipelines.web.guard import Access
from pipelines.web.serving import serve

__all__ = ["Access", "application", "serve"]
