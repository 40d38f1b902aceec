"""Pages: what happened in a night, and an index of the nights, each as one HTML file that needs no network.

Examples
--------
>>> from pipelines import open_archive  # doctest: +SKIP
>>> from pipelines.pages import night_page  # doctest: +SKIP
>>> night_page(open_archive(), "2024-02-20").save("2024-02-20.html")  # doctest: +SKIP
"""

from pipelines.pages.folder import write_folder, write_pages
from pipelines.pages.night import night_page, night_values
from pipelines.pages.page import Page

__all__ = ["Page", "night_page", "night_values", "write_folder", "write_pages"]
