-- Whether a worker gave a sign of life lately. It runs on the jobs database, which is SQLite.
--
-- parameters  name   the beginning of the ids of the worker's process
--             since  the time after which a sign of life counts, UTC
-- columns     seen   1 or 0

-- worker_seen --

select exists (
    select 1 from workers where substr(id, 1, length(:name)) = :name and seen_at >= :since
) as seen;
