"""The index seam, its engines, Vietnamese folding, queries and catch-up. Knows only schemas."""
