-- Marks: the namespaces that are granted (PEP 752), and an index for what a deletion leaves behind.
--
-- Both are additions. An earlier server does not start on a newer schema, so none sees them half-way.
--
-- `owner` is the name that people are shown, `principals` the JSON list of the tokens that may upload into the namespace.

CREATE TABLE namespaces (
    name TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    principals TEXT NOT NULL,
    granted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many files of a project were deleted: pages of older snapshots change with it, which nothing else does.
CREATE INDEX files_deleted ON files (project_id) WHERE deleted_at IS NOT NULL;
