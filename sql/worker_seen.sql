-- Whether a worker gave a sign of life lately; asked of the jobs database, which is SQLite.
--
-- parameters  name   what the ids of that worker's process begin with
--             since  the time from which on a sign counts, UTC
-- columns     seen   1 or 0

-- worker_seen --

select exists (
    select 1 from workers where substr(id, 1, length(:name)) = :name and seen_at >= :since
) as seen;
