"""This package is the embedded catalog: MongoDB's queries over one SQLite file of BSON documents."""
