"""Pictures: a frame, a master or a night as one PNG, and the plots of groups, masters and trends.

A picture says what it shows: the scale, the orientation, how many pixels each point stands for, what is
flagged and what has no value. Single frames need Pillow alone; plots need matplotlib, both of the extra ``plot``.
"""

from pipelines.pictures.picture import Picture

__all__ = ["Picture"]
