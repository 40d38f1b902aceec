"""The query language of MongoDB as pure functions over BSON values: no database, no file, no backend."""
