"""Cover sheets and labels: what their code says, and which pages of a scan are such sheets.

A cover sheet is laid between the papers of a stack; it says what follows and is never a page of a record. A label is
stuck on the first page of a paper, which is one. Both bear a QR code with this text, fields parted by ``|``::

    SOHOA1|<S or L>|<dossier>|<procedure>|<unit>|<kind>|<check>

``SOHOA1``   name and version of this form; a reader refuses a version that it does not know
``S``/``L``  a sheet, or a label
dossier      the dossier's code, as `--dossier` of `sohoa ingest` takes it; may be empty
procedure    the procedure's code (``1.001193``); may be empty
unit         the unit's code (``H29.17``); may be empty
kind         ``result``, ``component`` or ``copy``; may be empty
check        two digits or capital letters over all before the last ``|``: ISO/IEC 7064, MOD 1271-36

Fields hold letters, digits and ``. - _ / : +`` only, at most 64 characters each, so that nothing needs quoting.
"""
