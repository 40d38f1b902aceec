"""What an array is on disk: layouts, codecs, shards, digests, manifests, metadata."""
