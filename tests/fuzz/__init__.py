"""Files that somebody broke: each ends in a clear error, or in something that works."""
