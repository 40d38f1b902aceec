"""Masters: planned, combined, accepted, stored, recalled, exported."""
