-- Which projects of a channel changed after a serial: the list of projects is kept in memory and brought up to date by
-- this. Without it, each upload would have the next reader of the list walk all projects of the channel.
-- An older server sees nothing of it.

CREATE INDEX channel_projects_by_serial ON channel_projects (channel_id, last_serial);
