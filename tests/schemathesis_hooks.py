"""Leaves out cases that schemathesis takes for wrong, but that are right when they arrive."""

from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.transport.serialization import Binary

# the server refuses longer URLs itself: 414
_LONGEST_QUERY = 8_000
_KINDS = {
    side + name: kind
    for side in ("", "old_", "new_")
    for name, kind in {
        **dict.fromkeys(("delimiter", "quote", "encoding", "decimal", "thousands"), str),
        **dict.fromkeys(("skip_lines", "skip_footer"), int),
        "sniff": bool,
    }.items()
}


@schemathesis.hook
def filter_case(_: HookContext, case: Case[Any]) -> bool:
    """Leave out forms that are wrong only until they are sent, and too long addresses.

    In a form, a column that is not a text becomes a name, such as `{}`. A file that is not
    bytes is a file. The number 5 is a delimiter, and the text "5" is a number.
    """
    if len(urlencode(case.query or {}, doseq=True)) > _LONGEST_QUERY:
        return False
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return True
    lists = ("key", "value", "expect", "ignore", "rename")
    columns = [case.body[name] for name in lists if name in case.body]
    if not all(
        isinstance(case.body[name], kind) for name, kind in _KINDS.items() if name in case.body
    ):
        return False
    files = [case.body[name] for name in ("old", "new") if name in case.body]
    return all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in columns
    ) and all(isinstance(file, Binary | bytes) for file in files)
