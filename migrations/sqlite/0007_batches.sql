-- Batches: uploads that become visible together. The tables of the first schema were never written to, so they are made
-- anew: clients name a batch by an id that nobody can guess, and a file that was refused, or has not arrived whole, is part
-- of a batch too.
-- The previous version of the server does not start on this schema.
--
-- `staged` is what the upload left to be published, as JSON; a refused or partial file has none. `report` has the version,
-- the findings and the reason of a refusal. Blobs that a row names are durable. An ended batch keeps its rows until
-- `expires_at`, so that a repeated commit can be answered as the first one was.
-- The twin in migrations/postgres differs in types and collation only.

DROP TABLE batch_files;
DROP TABLE batches;

CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE CHECK (length(public_id) = 32),
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'abandoned')),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER CHECK ((state = 'open') = (ended_at IS NULL)),
    committed_serial INTEGER,
    FOREIGN KEY (channel_id, committed_serial) REFERENCES snapshots (channel_id, serial)
) STRICT;

CREATE INDEX batches_by_expiry ON batches (expires_at);

CREATE TABLE batch_files (
    batch_id INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    filename TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('partial', 'accepted', 'unchanged', 'refused', 'stored')),
    project TEXT,
    sha256 TEXT CHECK (length(sha256) = 64),
    metadata_sha256 TEXT CHECK (length(metadata_sha256) = 64),
    provenance_sha256 TEXT CHECK (length(provenance_sha256) = 64),
    size_bytes INTEGER CHECK (size_bytes >= 0),
    received_at INTEGER NOT NULL,
    report TEXT NOT NULL,
    staged TEXT CHECK (staged IS NULL OR verdict NOT IN ('partial', 'refused')),
    PRIMARY KEY (batch_id, filename)
) STRICT, WITHOUT ROWID;

CREATE INDEX batch_files_by_project ON batch_files (batch_id, project);
CREATE INDEX batch_files_by_sha256 ON batch_files (sha256) WHERE sha256 IS NOT NULL;
