-- Writes what a cluster needs of a file as Parquet, one row for each row of the file.
--
-- No other engine makes numbers of texts, or compares by rules: Spark's cast takes '1d' for a number.

-- decimals_to_stage --

-- Whether numbers are compared as decimals.
create temp macro is_decimal(rel_tol, abs_tol) as coalesce(rel_tol = 0 and abs_tol = 0, false);

-- stage --

-- parameters  rows_of_file  $old_rows or $new_rows
--             keys, salt, rel_tols, abs_tols
--             staged        file to write
-- columns     row, key, not_numbers  as rows_of_texts of 3_number.sql has them
--             texts     of which all are the same in unchanged rows
--             compared  texts of the values that are compared; NULL if these are `texts`
--             values    for each of them, a struct:
--                         number  finite, if numbers near it may be equal
--                         exact   text of its exact value, if that counts; also of NaN and infinity
--                         whole   whether it is a whole number, even '7.0'
--                         time    microseconds, in columns of times
--
-- A decimal that is compared exactly has no number. Below 5e8, no two whole numbers are within the
-- relative tolerance that applies if none is set, so their exact values need not be compared.
copy (
    select
        key,
        row,
        texts,
        if(getvariable('rules')['of_fields'], compared_values(texts), null) as compared,
        [
            {
                'number': if(
                    isfinite(value[2]) and not is_decimal(value[3], value[4]), value[2], null
                ),
                'exact': case
                    when value[2] is null then null
                    when isnan(value[2]) then 'nan'
                    when isinf(value[2]) then value[2]::varchar
                    when is_decimal(value[3], value[4]) then decimal_in(value[1], value[2])
                    when
                        abs(value[2]) >= if(value[3] is null, 5e8, 9007199254740992)
                        and is_whole(value[1])
                        then decimal_in(value[1], value[2])
                end,
                'whole': coalesce(
                    isfinite(value[2])
                    and not is_decimal(value[3], value[4])
                    and has_whole_value(value[1], value[2]),
                    false
                ),
                'time': if(value[6] is null, null, time_in(value[5]))
            }
            for value in list_zip(
                in_number_columns(compared_values(texts)), numbers, $rel_tols, $abs_tols,
                compared_values(texts), getvariable('time_tols')
            )
        ] as values,
        not_numbers
    from rows_of_texts($rows_of_file, $keys, $salt)
    where row > 0 -- makes one thread read a piece, as in 4_old.sql
) to $staged (format parquet, compression zstd, row_group_size 122880, use_tmp_file false);
