"""Dialects: the keywords and words that cameras, programs and observatories write, one table per subject.

Tables only: each entry says who writes it. What reads them is in `pipelines.instruments`.
"""
