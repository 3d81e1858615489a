"""Out-of-core training: a first pass over the files, a cache of blocks, shuffling within a buffer, prefetching."""
