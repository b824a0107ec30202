-- Provenance of files (PEP 740): where a file was built, as its publisher attests it.
-- The previous version of the server does not look at these tables; its sweep would take the blobs that they name away.
--
-- The object is a blob, served byte for byte; it may grow, so the row may change. `is_verified` says whether the signatures
-- were checked against a trust root of this server.
--
-- A file is shown with its provenance from the serial at which it came to a channel. One whose provenance came later has a
-- row in `provenance_shown` for each channel that it was in: snapshots before that serial stay what they were.
-- The twin in migrations/postgres differs in types and collation only.

CREATE TABLE provenance (
    file_id INTEGER PRIMARY KEY REFERENCES files (id),
    project_id INTEGER NOT NULL REFERENCES projects (id),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    is_verified INTEGER NOT NULL CHECK (is_verified IN (0, 1)),
    stored_at INTEGER NOT NULL,
    stored_by TEXT NOT NULL
) STRICT;

CREATE INDEX provenance_by_project ON provenance (project_id);

CREATE TABLE provenance_shown (
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    project_id INTEGER NOT NULL REFERENCES projects (id),
    file_id INTEGER NOT NULL REFERENCES files (id),
    from_serial INTEGER NOT NULL,
    PRIMARY KEY (channel_id, project_id, file_id)
) STRICT, WITHOUT ROWID;
