"""Sample papers drawn by code, for the demonstration and the tests. Knows only schemas."""
