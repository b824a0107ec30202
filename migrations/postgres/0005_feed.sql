-- What a channel's changes feed and the addresses of its snapshots by day and by digest are read by: without these, each
-- question walks the whole channel. An older server sees nothing of it.

CREATE INDEX memberships_by_begin ON memberships (channel_id, from_serial, file_id);
CREATE INDEX memberships_by_end ON memberships (channel_id, to_serial, file_id) WHERE to_serial IS NOT NULL;
CREATE INDEX snapshots_by_time ON snapshots (channel_id, made_at, serial);
CREATE INDEX snapshots_by_digest ON snapshots (channel_id, digest COLLATE "C", serial) WHERE digest IS NOT NULL;
