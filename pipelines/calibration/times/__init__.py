"""When frames were taken: clocks, twilight, evening or morning flats, dates."""
