"""Where the bytes of a store are kept: a folder, a bucket, memory, behind one protocol."""
