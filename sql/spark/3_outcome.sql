-- Takes what a cluster decided.

-- outcome_of_cluster --

-- parameters  new_rows, keys, salt
--             decided  file with what 2_join.sql gave
--             single   whether there is only one value column
-- fills       outcome, with the rows of new that it needs
create temp table decided as
from read_parquet($decided);

insert into outcome by name
select
    decided.kind,
    decided.row,
    if(kept.row is null, null, [kept.fields]) as fields,
    if($single, null, decided.differs) as differs,
    decided.removed_key,
    decided.joined,
    decided.copies,
    decided.new_not_numbers,
    decided.old_not_numbers
from decided
left join (
    select new_rows.row, new_rows.fields
    from compact_rows($new_rows, $keys, $salt) as new_rows
    semi join decided on new_rows.row = decided.row -- DuckDB keeps its right side in memory
    where new_rows.row > 0
) as kept
    on decided.row = kept.row;

-- decided_sums --

-- Sums over all that a cluster decided; a single row.
--
-- reads       decided
-- columns     joined  rows of the join
--             held    distinct keys of old
select
    coalesce(sum(joined), 0)::bigint as joined,
    coalesce(sum(old_keys), 0)::bigint as held
from decided;
