-- Decides the ambiguous rows: a row of new is unchanged when any row of old with its key is equal.
--
-- parameters  as in classify.sql, of old and the comparison
-- changes     outcome: ambiguous becomes unchanged, within_tolerance or changed
update outcome
set kind = verdict.kind
from (
    with
    candidates as (
        select row, struct_pack(*columns($key)) as key, [*columns($value)] as value
        from (select row, unnest(fields) from outcome where kind = 'ambiguous')
    ),
    -- distinct: a key may stand 100,000 times on each side, with few values
    old_values as (
        select distinct old_rows.key, old_rows.value
        from (
            select struct_pack(*columns($key)) as key, [*columns($value)] as value
            from csv_rows($old, $old_columns, $old_parallel)
        ) as old_rows
        semi join candidates on old_rows.key is not distinct from candidates.key
    ),
    same_text as materialized (
        select row
        from candidates
        semi join old_values
            on candidates.key is not distinct from old_values.key
            and candidates.value is not distinct from old_values.value
    ),
    others as materialized (
        select * from candidates anti join same_text on candidates.row = same_text.row
    ),
    close_values as (
        select others.key, others.value
        from (select distinct key, value from others) as others
        semi join old_values
            on others.key is not distinct from old_values.key
            and all_values_equal(others.value, old_values.value, $rel_tol, $abs_tol)
    )
    select row, 'unchanged' as kind
    from same_text
    union all
    select others.row, if(close_values.key is null, 'changed', 'within_tolerance')
    from others
    left join close_values
        on others.key is not distinct from close_values.key
        and others.value is not distinct from close_values.value
) as verdict
where outcome.row = verdict.row;
