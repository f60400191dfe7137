-- Writes what a diff found as Parquet: each row once, with the size of its changes beside its texts.

-- changes --

-- parameters  detail, removed, rules, rel_tols, abs_tols  as in analysis/1_cells.sql. Of removed rows, a column that
--                     is not compared has the role that detail gives its name.
--             emitted  number of the rows in detail
--             output   file to write
-- reads       equality.sql, convert/1_read.sql, analysis/1_cells.sql, difference_of
-- columns     Count    number of written rows
--
-- The file has these columns:
--
--   row         number of the row: first those of detail, then removed ones
--   kind        added, changed or removed
--   key_0 …, value_0 …, rest_0 …, changed, old_value_0 …  texts of the files, in the order of detail
--   slice_0 …   the keys as they are compared
--   sizes       of a changed row, the relative change of each value column: NULL if the values are equal, NaN if
--               they differ, but are not two finite numbers
--   moves       the differences of these numbers, exact for long whole ones; infinite beyond all doubles
--   size        the largest number of sizes; NULL without one
--   moved       the only one of moves; NULL if there are several value columns
--
-- Row groups are small, because a page reads whole ones for a single row.
create temp macro size_of_change(old, new) as
    if(isfinite(old) and isfinite(new) and old <> new, relative_change(old, new), 'nan'::double);

create temp macro move_of_change(old_text, new_text, old, new) as
    case
        when not (isfinite(old) and isfinite(new)) then null
        when
            greatest(abs(old), abs(new)) >= 9007199254740992
            and is_short_whole(old_text, old) and is_short_whole(new_text, new)
            then difference_of(old_text, new_text, old, new)::double
        else new - old
    end;

create temp macro numbers_of_kind(texts, are_numbers) as
    [
        if(pair[2], number_in(pair[1]), null)
        for pair in list_zip(texts, are_numbers)
    ];

copy (
    with
    written as (
        select
            row_number() over () as row, *,
            [*columns('^old_value_[0-9]+$')] as old_fields,
            [*columns('^value_[0-9]+$')] as new_fields
        from rows_of_result($detail['file'], $detail['columns'])
        union all by name
        select
            $emitted + row_number() over () as row,
            'removed' as kind,
            columns('^(?:key|rest)_[0-9]+$'),
            columns('^value_([0-9]+)$') as 'old_value_\1'
        from rows_of_result($removed['file'], $removed['columns'])
    ),
    compared_as as (
        select
            * exclude (old_fields, new_fields),
            by_rules(old_fields, $rules) as old_texts,
            by_rules(list_select(new_fields, $detail['values']), $rules) as new_texts
        from written
    ),
    numbered as (
        select
            *,
            if(kind = 'changed', numbers_of_kind(old_texts, $rules['numbers']), null) as olds,
            if(kind = 'changed', numbers_of_kind(new_texts, $rules['numbers']), null) as news
        from compared_as
    ),
    differing as (
        select
            * exclude (old_texts, new_texts, olds, news),
            [
                if(
                    len($rel_tols) = 1 -- a changed row has a value that differs
                    or not texts_equal(pair[2], pair[1], pair[4], pair[3], pair[5], pair[6], pair[7]),
                    {
                        'size': size_of_change(pair[3], pair[4]),
                        'move': move_of_change(pair[1], pair[2], pair[3], pair[4])
                    },
                    null
                )
                for pair in list_zip(
                    old_texts, new_texts, olds, news,
                    $rel_tols::double[], $abs_tols::double[], $rules['time_tols']::bigint[]
                )
                if kind = 'changed'
            ] as changes
        from numbered
    )
    select
        * exclude (changes),
        by_rules([columns('^key_([0-9]+)$')], $rules)[1] as 'slice_\1',
        [change['size'] for change in changes] as sizes,
        [change['move'] for change in changes] as moves,
        list_max([change['size'] for change in changes if isfinite(change['size'])]) as size,
        if(len($rel_tols) = 1, changes[1]['move'], null) as moved
    from differing
) to $output (
    format parquet, compression zstd, row_group_size 20480, row_group_size_bytes '16MB', use_tmp_file false
);
