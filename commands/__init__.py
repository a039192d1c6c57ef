"""One module a command: parse, call, print. Each has a ``command``; ``cli.py`` loads it when it is called."""
