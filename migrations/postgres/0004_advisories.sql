-- Advisories as OSV records, so that audit tools are told of vulnerable versions behind the gap.
-- The previous version of the server does not look at these tables.
--
-- A project is named whether or not it is here, so that an advisory holds for files that come later. An edition counts the
-- changes of what is said of a project: answers that are kept in memory depend on it.
-- The twin in migrations/sqlite differs in types and collation only.

CREATE TABLE advisories (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    modified_at BIGINT NOT NULL,
    imported_at BIGINT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE advisory_projects (
    project TEXT COLLATE "C" NOT NULL,
    advisory_id TEXT COLLATE "C" NOT NULL REFERENCES advisories (id),
    PRIMARY KEY (project, advisory_id)
);

CREATE INDEX advisory_projects_by_advisory ON advisory_projects (advisory_id);

CREATE TABLE advisory_editions (
    project TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    edition BIGINT NOT NULL
);
