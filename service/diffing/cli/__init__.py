"""The command line: arguments, output for people, and the processes of `serve`.

May touch typer, rich, httpx2 and xlsxwriter. It imports other rooms late,
so each command starts fast.
"""
