"""Progress against the targets: computed purely, then shown as terminal, JSON, CSV, XLSX, HTML and PDF. Knows only schemas."""
