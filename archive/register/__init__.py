"""The parts behind ``archive.inventory.Register``, each a module of functions over one connection.

``tables`` are the tables; ``units``, ``targets``, ``procedures`` and ``changes`` put what is imported in place with its
date, ``doubled`` says what stands in two units' lists then; ``rows`` reads the inventory; ``matching`` says which row a
record counts for, ``faults`` from when it does not; ``counters`` are the sums behind the rates, and ``standings`` the
reasons, row by row.
"""
