"""From scans to deposits: intake, pages, reading, separating, composing, signing, extracting. Knows not of search."""
