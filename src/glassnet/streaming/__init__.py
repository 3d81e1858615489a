"""Training on files larger than memory: a first pass, a cache of blocks, shuffling within a buffer, reading ahead."""
