"""The life of a document: schema, changes, records, runs, history, trash, deletion, migration."""
