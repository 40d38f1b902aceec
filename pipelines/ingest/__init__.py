"""From FITS files to documents and arrays, and back: walk, read, store, commit, quarantine, export."""
