"""The embedded catalog: MongoDB's queries over one SQLite file of BSON documents."""
