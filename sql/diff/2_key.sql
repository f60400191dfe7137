-- The representation of keys in the tables of a diff.

-- key --

-- parameters  fields  struct of the key columns
--             text    the same columns, joined by a character that no key contains
--             keys    'hashed' or 'exact'; only that one is computed
--
-- hashed  128 bits of MD5, so keys of any length take 16 bytes. The diff would confuse two keys with the
--         same bits. Among n keys, the chance is below n * n / 2^129 (the birthday bound), 10^-24 for 20
--         million. Each diff draws a random salt, so nobody can prepare such keys. DuckDB's hash() is
--         unsuitable: its 64 bits are the same for many texts that differ in two places eight apart (2.0.0).
-- exact   the fields
create temp macro key_of(fields, text, keys) as {'hashed': md5_number(text), 'exact': fields}[keys];

-- The rows of a file with their key.
--
-- parameters  rows_of_file  $old_rows or $new_rows
-- columns     key, key_0 … value_0 … rest_0 …, row.
create temp macro keyed_rows(rows_of_file, keys, salt) as table
    select
        key_of(
            struct_pack(*columns('^key_[0-9]+$')),
            concat_ws(e'\x1f', salt, *columns('^key_[0-9]+$')),
            keys
        ) as key,
        *
    from query_table(rows_of_file);

-- The same, packed into few columns.
--
-- columns  key
--          value   a single value. coalesce(*columns(…)) is the first column that is not NULL. With a single
--                  value column, as in most metrics, it is that column.
--          texts   list of the values
--          mark    64 bits, the same for equal texts of values, and almost always different for others
--          fields  struct of the row in the file
--          row
create temp macro compact_rows(rows_of_file, keys, salt) as table
    select
        key,
        coalesce(*columns('^value_[0-9]+$')) as value,
        [*columns('^value_[0-9]+$')] as texts,
        hash(*columns('^value_[0-9]+$')) as mark,
        struct_pack(*columns('^(key|value|rest)_[0-9]+$')) as fields,
        row
    from keyed_rows(rows_of_file, keys, salt);
