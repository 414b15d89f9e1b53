"""Runs `tuf-client` against repositories that python-tuf makes. Arguments: the program, and words that a scenario's name has to hold."""

import inspect
import sys

import keys
import refreshes
import targets
from scenario import scenarios, server

only = sys.argv[2:]
files = [section.__file__ for section in (refreshes, keys, targets)]
failed = 0
for name, function, row in scenarios:
    if only and not any(word in name for word in only):
        continue
    try:
        function(*row[: len(inspect.signature(function).parameters)])
        print("ok", name)
    except Exception as error:
        failed += 1
        line = error.__traceback__
        while line.tb_next and line.tb_next.tb_frame.f_code.co_filename in files:
            line = line.tb_next
        print(f"FAILED {name}: {line.tb_frame.f_code.co_name}, line {line.tb_lineno}: {type(error).__name__} {error}")
    for repository in list(server.repositories):
        del server.repositories[repository]
print(f"{len(scenarios)} scenarios, {failed} failed")
sys.exit(1 if failed else 0)
