-- Who has signed the attestations of a file, as far as a trust root of this server has verified it: a JSON array with one
-- entry for each attestation, empty while `is_verified` is 0. Pages and lists tell it without reading the blobs.
-- The previous version of the server does not look at it; a provenance that it stores has the default.
-- The twin in migrations/postgres is the same.

ALTER TABLE provenance ADD COLUMN signers TEXT NOT NULL DEFAULT '[]';
