-- The representation of keys in the tables of a diff.

-- rules --

-- The rules of a comparison, for all queries; without rules, DuckDB omits them.
--
-- of_fields  whether trim, nocase or empty is set
-- of_kinds   whether a value column is text or a time
-- trim, nocase, empty  as `compared` of equality.sql takes them
-- kinds      list of number, text or time, one for each value column
-- time_tols  list of the tolerances of times in microseconds; NULL for other value columns
set variable rules = {
    'of_fields': $trim or $nocase or len($empty) > 0,
    'of_kinds': $of_kinds,
    'trim': $trim,
    'nocase': $nocase,
    'empty': all_without_blanks_and_case($empty::varchar[], $trim, $nocase)
};
set variable kinds = $kinds;
set variable time_tols = $time_tols::bigint[];

-- The texts that are compared in place of fields.
create temp macro all_compared(texts) as
    if(
        getvariable('rules')['of_fields'],
        compared(texts, getvariable('rules')),
        texts
    );

-- The texts of a row, of which all are the same in unchanged rows. If keys with other texts may be equal, the
-- key columns come first.
create temp macro texts_of(key_texts, value_texts) as
    if(getvariable('rules')['of_fields'], list_concat(key_texts, value_texts), value_texts);

-- The values in such a list, as they are compared.
create temp macro compared_values(texts) as
    if(
        getvariable('rules')['of_fields'],
        all_compared(texts[-len(getvariable('kinds')):]),
        texts
    );

-- Texts as one text, which no other texts give.
create temp macro with_lengths(texts) as
    array_to_string([strlen(text) || ':' || text for text in texts], '');

-- parameters  fields  struct of the key columns
--             texts   list of the same columns
--             text    the same columns, joined by a character that no key contains
--             salt    the first part of `text`
--             keys    'hashed', 'exact', 'hashed_bytes' or 'exact_bytes'; only that one is computed
--
-- hashed  128 bits of MD5, so keys of any length take 16 bytes. The diff would confuse two keys with the
--         same bits. Among n keys, the chance is below n * n / 2^129 (the birthday bound), 10^-24 for 20
--         million. Each diff draws a random salt, so nobody can prepare such keys. DuckDB's hash() is
--         unsuitable: its 64 bits are the same for many texts that differ in two places eight apart (2.0.0).
--         Values are then packed into one text, too (4_old.sql).
-- exact   the fields
-- by rules  the same of the texts that are compared
-- hashed_bytes, exact_bytes  the same as bytes, for a cluster, with any rules. No field is mistaken for two.
create temp macro key_of(fields, texts, text, salt, keys) as
    {
        'hashed': md5_number(text),
        'exact': fields,
        'hashed by rules':
            md5_number(salt || e'\x1f' || array_to_string(all_compared(texts), e'\x1f')),
        'exact by rules': all_compared(texts),
        'hashed_bytes': unhex(md5(salt || e'\x1f' || with_lengths(all_compared(texts)))),
        'exact_bytes': encode(with_lengths(all_compared(texts)))
    }[
        keys
        || if(getvariable('rules')['of_fields'] and not ends_with(keys, '_bytes'), ' by rules', '')
    ];

-- The whole key, even if keys are hashed.
create temp macro exact_key_of(fields, texts) as
    {'exact': fields, 'exact by rules': all_compared(texts)}
    ['exact' || if(getvariable('rules')['of_fields'], ' by rules', '')];

-- The rows of a file with their key.
--
-- parameters  rows_of_file  $old_rows or $new_rows
-- columns     key, key_0 … value_0 … rest_0 …, row.
create temp macro keyed_rows(rows_of_file, keys, salt) as table
    select
        key_of(
            struct_pack(*columns('^key_[0-9]+$')),
            [*columns('^key_[0-9]+$')],
            concat_ws(e'\x1f', salt, *columns('^key_[0-9]+$')),
            salt,
            keys
        ) as key,
        *
    from query_table(rows_of_file);

-- The same, packed into few columns.
--
-- columns  key
--          value   a single value. coalesce(*columns(…)) is the first column that is not NULL. With a single
--                  value column, as in most metrics, it is that column.
--          texts   list of the values, as texts_of makes it
--          packed  the same as one text, in which U+001F separates the values
--          mark    64 bits, the same for equal texts of values, and almost always different for others
--          fields  struct of the row in the file
--          row
create temp macro compact_rows(rows_of_file, keys, salt) as table
    select
        key,
        value,
        texts_of(key_texts, value_texts) as texts,
        if(
            getvariable('rules')['of_fields'],
            packed_keys || e'\x1f' || packed_values,
            packed_values
        ) as packed,
        mark,
        fields,
        row
    from (
        select
            key,
            [*columns('^key_[0-9]+$')] as key_texts,
            coalesce(*columns('^value_[0-9]+$')) as value,
            [*columns('^value_[0-9]+$')] as value_texts,
            concat_ws(e'\x1f', *columns('^key_[0-9]+$')) as packed_keys,
            concat_ws(e'\x1f', *columns('^value_[0-9]+$')) as packed_values,
            hash(*columns('^value_[0-9]+$')) as mark,
            struct_pack(*columns('^(key|value|rest)_[0-9]+$')) as fields,
            row
        from keyed_rows(rows_of_file, keys, salt)
    );
