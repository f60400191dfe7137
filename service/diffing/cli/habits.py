"""The options and commands of other programs, each with ours in its place."""

_OPTIONS = {
    "--abs-tol, --rel-tol": "--atol --decimals --delta --digits --epsilon --float-precision "
    "--precision --round --rtol --threshold --tol --tolerance",
    "--delimiter": "--delim --field-separator --fs --sep --separator -d -s",
    "--delimiter tab": "--tab --tabs --tsv -t",
    "--detail, which adds the column _change": "--added --changed --changes --patch --unified "
    "-U -u",
    "--empty WORD": "--na --na-values --null --nulls",
    "--encoding": "--charset",
    "--exit-code": "--check --error-on-diff --fail --fail-on-diff --fail-on-change",
    "--explain": "--debug --stat --stats --verbose",
    "--format": "--output-format --to --type -f",
    "--format csv": "--csv",
    "--format json": "--json",
    "--format jsonl": "--jsonl --ndjson",
    "--format parquet": "--parquet",
    "--ignore": "--drop --exclude --exclude-columns --ignore-columns --omit --skip --skip-columns",
    "--key": "--id --index --join --join-columns --key-columns --keys --on --pk --primary-key -p",
    "--key, and --rename OLD=NEW if names differ": "--left-key --left-on --right-key --right-on",
    "--key auto": "--auto --auto-key",
    "--new": "--after --file2 --right --target",
    "--nocase": "--case-insensitive --ignore-case",
    "--nocase to ignore case, --ignore to leave out columns": "-i",
    "--old": "--base --before --file1 --from --left --source",
    "--output": "--out --outfile --output-file",
    "-o /dev/null to see the counts alone": "--brief --count --counts --name-only --summary-only",
    "--quote": "--quotechar",
    "--removed FILE": "--deleted --deleted-rows",
    "--report out.html": "--html",
    "--skip-lines": "--header --skip-rows --skiprows",
    "--sniff": "--detect --guess --infer",
    "diffing history METRIC": "--history",
    "--trim": "--ignore-all-space --ignore-spaces --ignore-whitespace --strip -b -w",
    "--value": "--column --columns --cols --compare --fields --include --values -c",
    "DIFFING_MEMORY_LIMIT": "--max-memory --memory --memory-limit",
    "DIFFING_THREADS": "--jobs --threads -j",
    "NO_COLOR=1 before the command": "--no-color --no-colour",
    "diffing version": "--version -V",
    "a first line that names the columns": "--no-header --no-headers",
    "no option: a terminal has colours": "--color --colour",
    "no option: rows may have any order": "--ignore-order --sort --sort-by --sort-columns --sorted",
    "| head -n 20": "--head --limit --max-rows --top -n",
}
_COMMANDS = {
    "diff": "cmp compare",
    "history": "log runs",
    "keys": "key token tokens",
    "metrics": "catalogue list",
    "serve": "run server start up",
    "submit": "new post send upload",
    "suggest-key": "find-key suggest suggest_key",
}

INSTEAD = {
    habit: ours
    for table in (_OPTIONS, _COMMANDS)
    for ours, habits in table.items()
    for habit in habits.split()
}
"""Our options and commands, by those of other programs."""
