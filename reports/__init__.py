"""Progress against the targets: computed purely, then shown in every form from one value. Knows only schemas."""
