"""Engines that read words from a page image, behind one seam."""
