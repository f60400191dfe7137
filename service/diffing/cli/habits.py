"""The options and commands of other programs, each with ours in its place."""

_OPTIONS = {
    "--abs-tol, --rel-tol": "--atol --epsilon --precision --rtol --threshold --tol --tolerance",
    "--delimiter": "--delim --field-separator --sep --separator",
    "--empty WORD": "--na --na-values --null --nulls",
    "--explain": "--stat --stats --verbose",
    "--format": "--output-format --to --type",
    "--format csv": "--csv",
    "--format json": "--json",
    "--format jsonl": "--jsonl --ndjson",
    "--format parquet": "--parquet",
    "--ignore": "--exclude --exclude-columns --ignore-columns --skip --skip-columns",
    "--key": "--id --index --join --join-columns --keys --on --pk --primary-key",
    "--key auto": "--auto --auto-key",
    "--nocase": "--case-insensitive --ignore-case",
    "--output": "--out --outfile --output-file",
    "--skip-lines": "--header --skip-rows --skiprows",
    "diffing history METRIC": "--history",
    "--trim": "--ignore-spaces --strip",
    "--value": "--column --columns --cols --compare --fields --include --values",
}
_COMMANDS = {
    "diff": "cmp compare",
    "history": "log runs",
    "keys": "key token tokens",
    "metrics": "catalogue list",
    "serve": "run server start up",
    "submit": "new post send upload",
}

INSTEAD = {
    habit: ours
    for table in (_OPTIONS, _COMMANDS)
    for ours, habits in table.items()
    for habit in habits.split()
}
"""Our options and commands, by those of other programs."""
