-- Lets the transaction commit as durably as before the claim in it: keys are used as soon as the answer
-- is there, so they must not be lost in a crash of the server.
--
-- $1 durable  text, the setting of `synchronous_commit` that the claim has changed
select set_config('synchronous_commit', $1, true);
