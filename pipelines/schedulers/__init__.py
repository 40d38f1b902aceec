"""Schedulers: large work in pieces, on processes of this machine or on the workers of a Dask cluster."""
