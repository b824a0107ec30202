-- The first schema: everything the design names, so that later capabilities find their tables and need no rewrite.
-- No earlier server exists that could see this half-way.
--
-- Times are microseconds since 1970 UTC, digests lowercase hexadecimal, lists and records JSON. A membership holds from
-- `from_serial` up to but not including `to_serial`; without an end it is in the head. Rows of files, snapshots and audit
-- never change (but for a digest that is filled in once, and the mark that a file was deleted).
-- The twin in migrations/postgres differs in types and collation only.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

INSERT INTO meta (key, value) VALUES ('format', '1'), ('instance_id', lower(hex(randomblob(16))));

CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A release is a project at one version; `version_key` is equal for all spellings of it (1.0 and 1.0.0).
CREATE TABLE releases (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    version_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, version_key)
) STRICT;

-- `deleted_at` keeps the row of a deleted file, because its name is never used again. A file leaves the heads of all
-- channels before it is deleted; older snapshots no longer offer it, but their digests stay what they were.
-- `tags` is the tag part of a wheel's file name, so that queries need not take names apart.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    release_id INTEGER NOT NULL REFERENCES releases (id),
    filename TEXT NOT NULL UNIQUE,
    identity TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('wheel', 'sdist')),
    tags TEXT CHECK ((kind = 'wheel') = (tags IS NOT NULL)),
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    blake2b_256 TEXT NOT NULL CHECK (length(blake2b_256) = 64),
    md5 TEXT CHECK (length(md5) = 32),
    crc32 INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    metadata_sha256 TEXT CHECK (length(metadata_sha256) = 64),
    uploaded_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    deleted_at INTEGER,
    uploaded_by TEXT NOT NULL,
    display_name TEXT NOT NULL,
    requires_python TEXT,
    summary TEXT,
    requires_dist TEXT NOT NULL,
    provides_extra TEXT NOT NULL,
    facts TEXT,
    notes TEXT NOT NULL,
    UNIQUE (project_id, identity)
) STRICT;

CREATE INDEX files_by_release ON files (release_id);
CREATE INDEX files_by_sha256 ON files (sha256);

CREATE TABLE channels (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    serial INTEGER NOT NULL CHECK (serial >= 0),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE snapshots (
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    serial INTEGER NOT NULL CHECK (serial >= 0),
    made_at INTEGER NOT NULL,
    digest TEXT CHECK (length(digest) = 64),
    PRIMARY KEY (channel_id, serial)
) STRICT, WITHOUT ROWID;

-- The order of the key makes a project's files in a channel one range.
CREATE TABLE memberships (
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    project_id INTEGER NOT NULL REFERENCES projects (id),
    file_id INTEGER NOT NULL REFERENCES files (id),
    from_serial INTEGER NOT NULL,
    to_serial INTEGER CHECK (to_serial > from_serial),
    is_yanked INTEGER NOT NULL CHECK (is_yanked IN (0, 1)),
    yank_reason TEXT CHECK (is_yanked OR yank_reason IS NULL),
    PRIMARY KEY (channel_id, project_id, file_id, from_serial),
    FOREIGN KEY (channel_id, from_serial) REFERENCES snapshots (channel_id, serial),
    FOREIGN KEY (channel_id, to_serial) REFERENCES snapshots (channel_id, serial)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX memberships_in_head ON memberships (file_id, channel_id) WHERE to_serial IS NULL;

-- Serial of the last change of a project in a channel's head: answers a conditional request by one read.
CREATE TABLE channel_projects (
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    project_id INTEGER NOT NULL REFERENCES projects (id),
    last_serial INTEGER NOT NULL,
    PRIMARY KEY (channel_id, project_id),
    FOREIGN KEY (channel_id, last_serial) REFERENCES snapshots (channel_id, serial)
) STRICT, WITHOUT ROWID;

-- Intervals like those of memberships; a project without a row is active.
CREATE TABLE project_status (
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    project_id INTEGER NOT NULL REFERENCES projects (id),
    from_serial INTEGER NOT NULL,
    to_serial INTEGER CHECK (to_serial > from_serial),
    status TEXT NOT NULL CHECK (status IN ('active', 'archived', 'quarantined', 'deprecated')),
    reason TEXT,
    PRIMARY KEY (channel_id, project_id, from_serial),
    FOREIGN KEY (channel_id, from_serial) REFERENCES snapshots (channel_id, serial),
    FOREIGN KEY (channel_id, to_serial) REFERENCES snapshots (channel_id, serial)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX project_status_in_head ON project_status (project_id, channel_id) WHERE to_serial IS NULL;

CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'abandoned')),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    committed_serial INTEGER,
    FOREIGN KEY (channel_id, committed_serial) REFERENCES snapshots (channel_id, serial)
) STRICT;

CREATE INDEX batches_open ON batches (expires_at) WHERE state = 'open';

-- What an open batch holds: bytes that are durable and invisible. `report` has the verdict and findings of the check.
CREATE TABLE batch_files (
    batch_id INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    filename TEXT NOT NULL,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    metadata_sha256 TEXT CHECK (length(metadata_sha256) = 64),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    received_at INTEGER NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (batch_id, filename)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    scope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

-- Only the digest of the secret is kept. `scope` has permissions, channel pattern and project pattern.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    account_id INTEGER REFERENCES accounts (id),
    name TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE CHECK (length(secret_sha256) = 64),
    scope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE UNIQUE INDEX tokens_in_use ON tokens (name) WHERE revoked_at IS NULL;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    principal TEXT NOT NULL,
    event TEXT NOT NULL,
    previous_hash TEXT NOT NULL CHECK (length(previous_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

-- One row: the end of the chain. Taking it makes concurrent commits queue, so that there is one chain.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

INSERT INTO audit_head (id, sequence, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Long work, claimed by lease.
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    attempt_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    run_after INTEGER NOT NULL,
    leased_by TEXT,
    lease_until INTEGER,
    progress TEXT,
    result TEXT,
    finished_at INTEGER
) STRICT;

CREATE INDEX jobs_waiting ON jobs (run_after, id) WHERE state IN ('queued', 'running');

-- `manifest` is canonical JSON, holds the recipe and is what `id` is the digest of; `lock` names the files inside.
CREATE TABLE bundles (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 64),
    name TEXT NOT NULL,
    lock TEXT NOT NULL,
    manifest TEXT NOT NULL,
    output_sha256 TEXT NOT NULL CHECK (length(output_sha256) = 64),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

CREATE INDEX bundles_by_name ON bundles (name, created_at);

-- Archives that crossed the gap, in either direction.
CREATE TABLE transfers (
    id INTEGER PRIMARY KEY,
    direction TEXT NOT NULL CHECK (direction IN ('packed', 'imported')),
    manifest_sha256 TEXT NOT NULL CHECK (length(manifest_sha256) = 64),
    manifest TEXT NOT NULL,
    channel_id INTEGER NOT NULL REFERENCES channels (id),
    from_serial INTEGER,
    to_serial INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (direction, manifest_sha256)
) STRICT;

CREATE TABLE targets (
    name TEXT NOT NULL PRIMARY KEY,
    definition TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
