-- Upload sessions (PEP 694): a release that is put together out of sight and published in one step.
-- The previous version of the server does not start on this schema.
--
-- One session for a release of a channel is alive at a time. It ends once, published or canceled, and its row is kept
-- until `forget_at`, so that clients learn what became of it. A file that was deleted keeps its row as long, as its own
-- URL goes on to tell so; of the others there is one for each name. `staged` is what is to be published, as JSON. Blobs
-- that a row names are durable.
-- The twin in migrations/postgres differs in types and collation only.

CREATE TABLE upload_sessions (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE CHECK (length(token) = 32),
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    project TEXT NOT NULL,
    display_name TEXT NOT NULL,
    version TEXT NOT NULL,
    version_key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'processing', 'published', 'error', 'canceled')),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER CHECK ((state IN ('published', 'canceled')) = (ended_at IS NOT NULL)),
    forget_at INTEGER CHECK ((ended_at IS NULL) = (forget_at IS NULL)),
    notices TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX upload_sessions_alive ON upload_sessions (project, version_key, channel_id)
    WHERE state IN ('open', 'processing', 'error');
CREATE INDEX upload_sessions_by_expiry ON upload_sessions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX upload_sessions_by_end ON upload_sessions (forget_at) WHERE ended_at IS NOT NULL;

CREATE TABLE upload_files (
    id INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL REFERENCES upload_sessions (id) ON DELETE CASCADE,
    filename TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    hashes TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'error', 'canceled')),
    notices TEXT NOT NULL,
    sha256 TEXT CHECK (length(sha256) = 64),
    metadata_sha256 TEXT CHECK (length(metadata_sha256) = 64),
    provenance_sha256 TEXT CHECK (length(provenance_sha256) = 64),
    attestations TEXT,
    staged TEXT CHECK (staged IS NULL OR sha256 IS NOT NULL)
) STRICT;

CREATE UNIQUE INDEX upload_files_by_name ON upload_files (session_id, filename) WHERE state <> 'canceled';
CREATE INDEX upload_files_by_session ON upload_files (session_id);
CREATE INDEX upload_files_by_sha256 ON upload_files (sha256) WHERE sha256 IS NOT NULL;
