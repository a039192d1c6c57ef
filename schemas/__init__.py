"""The values that cross a folder's border, the settings and the errors. Imports nothing else of sohoa."""
