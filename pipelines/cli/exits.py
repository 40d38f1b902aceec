"""From an error to the exit code of the command."""


def exit_code(error: Exception) -> int | None:
    """Give the exit code for an error; None for one that is a fault of the program.

    2 is for a request to mend, 3 for a catalog or store that cannot be used, 4 for damage.
    """
    import arraystore
    import catalog
    from pipelines.errors import DarkroomError
    from pipelines.fits import FitsError
    from pipelines.instruments import ProfileError

    if isinstance(error, DarkroomError):
        return error.exit_code
    if isinstance(error, catalog.Damaged | arraystore.Damaged | arraystore.Lost):
        return 4
    if isinstance(error, catalog.InvalidURL | catalog.InvalidQuery | catalog.InvalidName | arraystore.InvalidURL):
        return 2
    if isinstance(error, catalog.CatalogError | arraystore.StoreError):
        return 3
    if isinstance(error, ProfileError):
        return 2
    return 1 if isinstance(error, FitsError) else None
