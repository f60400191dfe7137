-- What stands for a key in the tables of a diff.

-- key --

-- parameters  fields  struct of the key columns
--             text    those columns with a character between them that stands in none
--             keys    which of the two; the other is not made
--
-- hashed  128 bits of MD5, so that keys of any length take 16 bytes. Two different keys with the same
--         bits would be taken for one. Of n keys some two have them with a chance below n * n / 2^129
--         (the birthday bound), 10^-24 for 20 million; the salt in front of `text` is drawn for each
--         diff, so nobody can prepare such keys. DuckDB's hash() will not do: its 64 bits are the same
--         for many texts that differ in two places eight apart (2.0.0).
-- exact   the fields themselves
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
