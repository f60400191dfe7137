-- Examples of keys that stand in several rows of a file, those met first; a single row.
--
-- parameters  files, file_columns, roles, rewritten  as pieces_four.sql takes them
--             key  names of the key columns
-- reads       numbered_rows
-- columns     examples  list of key (a struct) and copies (rows with that key), at most five
select list({'key': key, 'copies': copies} order by first_row) as examples
from (
    select key, count(*) as copies, min(row) as first_row
    from (
        select struct_pack(*columns($key)) as key, row
        from numbered_rows($files, $file_columns, $roles, $rewritten)
    )
    group by key
    having count(*) > 1
    order by first_row
    limit 5
);
