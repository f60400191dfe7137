-- The cells that differ, for people and programs that look at single changes.

-- write_cells --

-- Writes the values of changed rows that differ, one a line, in the order of new.
--
-- parameters  detail, rules, rel_tols, abs_tols  as in 1_cells.sql
--             names   list of the value columns
--             prefix  first line of the file, with the names of the columns
--             output  file to write
-- columns     Count   number of written lines
--
-- The file has the key columns, in the order of new; the name of the value column; both fields as in the
-- files; the difference and the relative change of two finite numbers. A difference of whole numbers is exact,
-- because doubles would lose digits of long ones.
create or replace temp macro is_short_whole(text, number) as is_whole(text) and abs(number) < 1e37;

create or replace temp macro whole_in(text) as try_cast(replace(trim(text), '_', '') as hugeint);

create or replace temp macro difference_of(old_text, new_text, old, new) as
    case
        when not (isfinite(old) and isfinite(new)) then null
        when is_short_whole(old_text, old) and is_short_whole(new_text, new)
            then coalesce((whole_in(new_text) - whole_in(old_text))::varchar, (new - old)::varchar)
        when isfinite(new - old) then (new - old)::varchar
    end;

copy (
    select
        columns('^key_[0-9]+$'),
        name, old_field, new_field,
        difference_of(old_text, new_text, old, new),
        if(isfinite(old) and isfinite(new), relative_change(old, new)::varchar, null)
    from (
        select
            *,
            if(has_numbers, number_in(old_text), null) as old,
            if(has_numbers, number_in(new_text), null) as new
        from (
            select
                * exclude (olds, news),
                unnest($names) as name,
                unnest(olds) as old_field,
                unnest(news) as new_field,
                unnest(by_rules(olds, $rules)) as old_text,
                unnest(by_rules(news, $rules)) as new_text,
                unnest($rel_tols) as rel_tol,
                unnest($abs_tols) as abs_tol,
                unnest($rules['numbers']) as has_numbers,
                unnest($rules['time_tols']::bigint[]) as time_tol
            from (
                select * exclude (texts), list_select(texts, $detail['values']) as news
                from (
                    select
                        columns('^key_[0-9]+$'),
                        [*columns('^old_value_[0-9]+$')] as olds,
                        [*columns('^value_[0-9]+$')] as texts
                    from rows_of_result($detail['file'], $detail['columns'])
                    where kind = 'changed'
                )
            )
        )
    )
    where not texts_equal(new_text, old_text, new, old, rel_tol, abs_tol, time_tol)
) to $output (
    format csv, header false, prefix $prefix, suffix e'\n', nullstr '', comment '', use_tmp_file false
);
