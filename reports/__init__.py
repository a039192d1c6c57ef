"""Progress against the targets, computed purely, and its renderers. Knows only schemas."""
