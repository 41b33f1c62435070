-- What any program can do that speaks SQL, whatever its language: enqueue, cancel and requeue jobs, pause
-- and resume. Arguments have the names and the meanings of the crate; what is null is up to the task.
--
-- Errors have codes of their own:
--
-- - `PGQ02` no build has said that it knows the task;
-- - `PGQ03` an argument is not one that can be;
-- - `PGQ04` there is a job that is the same, and `conflict` is `raise`; `DETAIL` has its number;
-- - `PGQ05` there is no such job;
-- - `PGQ06` there is no room for what has ended, since no worker runs.
--
-- Functions that add or move jobs wake workers as the statements of the crate do: after the statement that
-- has locked the table. Those whose text is read at each call see nothing of a caller's `search_path`.

-- The tasks of the fleet by each of their names, as the build says that has started last: what a job is whose
-- enqueuer knows the name of its task, and not its code.
create table pgq_jobs.task (
    -- declare_tasks, enqueue_inputs
    name          text        collate "C" not null primary key,
    -- The name that the keys of its jobs go by.
    key_name      text        collate "C" not null,
    queue         text        collate "C" not null,
    priority      smallint    not null,
    max_attempts  smallint    not null,
    -- In microseconds, as all times here.
    delay         bigint      not null,
    expires_in    bigint,
    -- In bytes; null for what is usual.
    input_max     int,
    tags          text[]      collate "C" not null,
    -- Of jobs with a unique key.
    unique_within bigint,
    conflict      text        not null,
    declared_at   timestamptz not null default now()
);

-- The channel of the workers of this schema, which is its name.
create function pgq_jobs.channel() returns text
    language sql stable
    return (
        select namespace.nspname::text
        from pg_catalog.pg_class as class
        join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
        where class.oid = 'pgq_jobs.job_number'::pg_catalog.regclass
    );

-- Whether something can have this name: letters, digits and `_-.:/`, 100 bytes at most. Of the signs beyond ASCII that
-- are no letters, the usual ones are refused; the crate knows all.
create function pgq_jobs.is_name(name text) returns boolean
    language sql immutable
    return coalesce(
        is_name.name ~ '^([-A-Za-z0-9_.:/]|[^\x01-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u3004\u3008-\u3020\ud800-\uf8ff\ufe00-\ufe0f\ufeff\ufff0-\uffff\U0001f000-\U0010ffff])+$'
            and octet_length(is_name.name) <= 100,
        false
    );

-- Fails if there is a problem with an argument.
create function pgq_jobs.refuse(problem text) returns void
    language plpgsql immutable
as $$
begin
    if refuse.problem is not null then
        raise exception using errcode = 'PGQ03', message = refuse.problem;
    end if;
end
$$;

-- How many microseconds there are in a span; of one that is longer than any that is allowed, as many as can be told:
-- version 14 writes no interval of more hours than an `int` has.
create function pgq_jobs.micros(span interval) returns bigint
    language sql immutable strict
    return least(greatest(extract(epoch from micros.span) * 1000000, -7e18), 7e18)::bigint;

-- Adds jobs of one task, each with its own input: a format byte, 1 for MessagePack or 2 for JSON, and then a
-- map of the task's parameters by their names. Returns the jobs in the order of the inputs: the number of
-- each, and `new`; or, with unique keys, `replaced`, or `existing` for one that was not added.
--
-- A job starts when its transaction has committed, at `run_at`, or after `delay`. Headers are an object
-- of texts.
create function pgq_jobs.enqueue_inputs(
    task               text,
    inputs             bytea[],
    queue              text        default null,
    priority           int         default null,
    run_at             timestamptz default null,
    delay              interval    default null,
    max_attempts       int         default null,
    expires_in         interval    default null,
    tags               text[]      default null,
    headers            jsonb       default null,
    unique_keys        text[]      default null,
    unique_within      interval    default null,
    conflict           text        default null,
    allow_unknown_task boolean     default false
)
    returns table (job bigint, outcome text)
    language plpgsql volatile
    -- However small the tables were when its plans were made; and to make them takes longer than to run them.
    set enable_seqscan = off
    set plan_cache_mode = force_generic_plan
    set search_path = pg_catalog, pg_temp
as $$
declare
    known      pgq_jobs.task;
    target     text;
    level      smallint;
    attempts   smallint;
    starts_at  timestamptz := enqueue_inputs.run_at;
    -- Whatever else the statement has done before this call.
    began      constant timestamptz := clock_timestamp();
    -- Days and months as so many seconds: those of a calendar are not of one length.
    wait       interval := pgq_jobs.micros(enqueue_inputs.delay) * interval '1 microsecond';
    ends       interval := pgq_jobs.micros(enqueue_inputs.expires_in) * interval '1 microsecond';
    labels     text[];
    extra      jsonb := coalesce(enqueue_inputs.headers, '{}');
    bits       smallint := 0;
    size_max   int;
    problem    text;
    hashes     uuid[];
    period     bigint;
    rule       text;
    numbers    bigint[];
    outcomes   text[];
    century    constant interval := interval '36500 days';
begin
    if not pgq_jobs.is_name(enqueue_inputs.task) then
        perform pgq_jobs.refuse(format('%L cannot be the name of a task', enqueue_inputs.task));
    end if;
    select described.* into known from pgq_jobs.task as described where described.name = enqueue_inputs.task;
    if not found and enqueue_inputs.allow_unknown_task is not true then
        raise exception using
            errcode = 'PGQ02',
            message = format('no worker has a task %L', enqueue_inputs.task),
            hint = 'Workers say which tasks they have when they start. Check the name, start one that has it, '
                || 'or pass `allow_unknown_task => true`.';
    end if;

    if starts_at is null and wait is null then
        wait := known.delay * interval '1 microsecond';
    end if;
    target := coalesce(enqueue_inputs.queue, known.queue, 'default');
    ends := coalesce(ends, known.expires_in * interval '1 microsecond');
    problem := case
        when not pgq_jobs.is_name(target)
            then format('%L cannot be the name of a queue', target)
        when enqueue_inputs.priority not between 0 and 9
            then format('the priority %s is not from 0 to 9', enqueue_inputs.priority)
        when enqueue_inputs.max_attempts not between 1 and 1000
            then format('the number of attempts %s is not from 1 to 1000', enqueue_inputs.max_attempts)
        when starts_at is not null and wait is not null
            then 'a job has either a `run_at` or a `delay`'
        when wait not between interval '0' and century
            then format('the delay %s is not from zero to a hundred years', wait)
        when not isfinite(starts_at) or starts_at >= began + century
            then format('`run_at` %s is not a time of the next hundred years', starts_at)
        when ends <= interval '0' or ends > century
            then format('the time to expire %s is not above zero and at most a hundred years', ends)
        when ends <= wait
            then 'a job must expire after its delay, or it could not start'
        when enqueue_inputs.unique_keys is null
            and (enqueue_inputs.unique_within is not null or enqueue_inputs.conflict is not null)
            then 'only a job with a unique key has a time to be unique, or a conflict'
        when enqueue_inputs.unique_within <= interval '0' or enqueue_inputs.unique_within > century
            then format('the time to be unique %s is not above zero and at most a hundred years',
                        enqueue_inputs.unique_within)
        when enqueue_inputs.conflict not in ('skip', 'replace', 'raise')
            then format('the conflict %L is not one of `skip`, `replace` and `raise`', enqueue_inputs.conflict)
        when cardinality(enqueue_inputs.unique_keys) <> cardinality(enqueue_inputs.inputs)
            or array_position(enqueue_inputs.unique_keys, null) is not null
            then 'there is not one unique key for each input'
        when enqueue_inputs.inputs is null or array_position(enqueue_inputs.inputs, null) is not null
            then 'an input is null'
    end;
    if problem is null then
        size_max := coalesce(known.input_max, 1024 * 1024);
        select case
            when octet_length(given.input) not between 1 and size_max
                then format('an input has %s bytes, but between 1 and %s are allowed',
                            octet_length(given.input), size_max)
            else 'an input begins neither with 1, for MessagePack, nor with 2, for JSON'
        end
        into problem
        from unnest(enqueue_inputs.inputs) as given (input)
        where case
            when octet_length(given.input) not between 1 and size_max then true
            else get_byte(given.input, 0) not between 1 and 2
        end
        limit 1;
    end if;
    labels := coalesce(known.tags, '{}');
    if problem is null and enqueue_inputs.tags is not null then
        labels := labels || array(
            select distinct tag
            from unnest(enqueue_inputs.tags) as tag
            where (tag = any (known.tags)) is not true
            order by tag
        );
        select case
            when cardinality(labels) > 16 then 'a job has at most 16 tags'
            else format('%L cannot be a tag', tag)
        end
        into problem
        from unnest(labels) as tag
        where cardinality(labels) > 16 or not pgq_jobs.is_name(tag)
        limit 1;
    end if;
    if problem is null and jsonb_typeof(extra) <> 'object' then
        problem := 'the headers are not an object';
    elsif problem is null and extra <> '{}' then
        select case
            when header.place > 32 then 'a job has at most 32 headers'
            when not pgq_jobs.is_name(header.key) then format('%L cannot be the name of a header', header.key)
            else format('the header %L is not a text of at most 4096 bytes', header.key)
        end
        into problem
        from jsonb_each(extra) with ordinality as header (key, value, place)
        where header.place > 32
           or not pgq_jobs.is_name(header.key)
           or jsonb_typeof(header.value) <> 'string'
           or octet_length(header.value #>> '{}') > 4096
        limit 1;
    end if;
    if problem is not null then
        perform pgq_jobs.refuse(problem);
    end if;

    level := coalesce(enqueue_inputs.priority, known.priority, 0);
    attempts := coalesce(enqueue_inputs.max_attempts, known.max_attempts, 20);
    if wait > interval '0' then
        starts_at := began + wait;
    end if;
    if cardinality(labels) > 0 or extra <> '{}' or ends is not null then
        bits := bits | 4;
    end if;
    if ends is not null then
        bits := bits | 8;
    end if;
    -- What is made of parameters, only the code of the task can make: who claims the job has it.
    bits := bits | 512;
    if enqueue_inputs.unique_keys is null then
        bits := bits | 1024;
    end if;
    if enqueue_inputs.unique_keys is not null then
        rule := coalesce(enqueue_inputs.conflict, known.conflict, 'skip');
        period := coalesce(
            pgq_jobs.micros(enqueue_inputs.unique_within), known.unique_within);
        -- As the crate writes a key that an enqueuer gives.
        hashes := array(
            select substr(encode(sha256(
                decode('01', 'hex')
                || int8send(octet_length(coalesce(known.key_name, enqueue_inputs.task))::bigint)
                || convert_to(coalesce(known.key_name, enqueue_inputs.task), 'UTF8')
                || convert_to(given.key, 'UTF8')
            ), 'hex'), 1, 32)::uuid
            from unnest(enqueue_inputs.unique_keys) with ordinality as given (key, place)
            order by given.place
        );
        if period is null then
            bits := bits | 2;
        end if;
    end if;

    -- The numbers are drawn by the statement that has locked the tables, and in the order of the inputs.
    with taken as materialized (
        select keyed.place, keyed.job, keyed.outcome
        from pgq_jobs.take_keys(
            hashes, array_fill(period, array [coalesce(cardinality(hashes), 0)]), rule,
            hashtextextended(target, level::bigint)
        ) as keyed
        where hashes is not null
        union all
        select free.place, nextval('pgq_jobs.job_number'), 'new'
        from generate_series(1, cardinality(enqueue_inputs.inputs)) as free (place)
        where hashes is null
    ), added as materialized (
        select taken.job as id, taken.outcome = 'new' as is_new, given.input
        from unnest(enqueue_inputs.inputs) with ordinality as given (input, place)
        join taken on taken.place = given.place
        where taken.outcome in ('new', 'replaced')
        order by taken.place
    ), apart as (
        insert into pgq_jobs.large_input (job, input)
        select added.id, added.input
        from added
        where pgq_jobs.part_input(added.input) <> added.input
    ), detailed as (
        insert into pgq_jobs.detail (job, expires_at, tags, headers)
        select added.id, greatest(enqueue_inputs.run_at, began) + ends, labels, extra
        from added
        where bits & 4 <> 0
        returning detail.job, detail.expires_at
    ), expiring as (
        insert into pgq_jobs.expiry (job, expires_at, lane)
        select detailed.job, detailed.expires_at, hashtextextended(target, level::bigint)
        from detailed
        where detailed.expires_at is not null
    ), ready as (
        insert into pgq_jobs.ready
            (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
             queue, task, input)
        select added.id, case when added.is_new then added.id else nextval('pgq_jobs.job_number') end, null,
               began, 0, level, 0, attempts, 0, bits, target, enqueue_inputs.task,
               pgq_jobs.part_input(added.input)
        from added
        where starts_at is null
    ), scheduled as (
        insert into pgq_jobs.scheduled
            (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths, marks,
             queue, task, input)
        select added.id, null, began, starts_at, 0, level, 0, attempts, 0, bits, target,
               enqueue_inputs.task, pgq_jobs.part_input(added.input)
        from added
        where starts_at is not null
    )
    select array_agg(taken.job order by taken.place), array_agg(taken.outcome order by taken.place)
    into numbers, outcomes
    from taken;

    if outcomes = array ['refused'] then
        raise exception using
            errcode = 'PGQ04',
            message = format('there is a job of task %L that is the same', enqueue_inputs.task),
            detail = coalesce('job ' || numbers[1], 'two of these jobs are the same');
    end if;
    perform case
        when starts_at is null then pgq_jobs.wake(pgq_jobs.channel(), 'ready ' || target)
        -- Workers look for those that are due once a second by themselves.
        when starts_at < began + interval '2 seconds'
            then pgq_jobs.wake(pgq_jobs.channel(), 'scheduled')
    end
    where outcomes && array ['new', 'replaced'];
    return query select given.id, given.outcome from unnest(numbers, outcomes) as given (id, outcome);
end
$$;

-- Adds jobs of one task, each with its own input: an object of the task's parameters by their names. Returns
-- them as `enqueue_inputs` does.
create function pgq_jobs.enqueue_many(
    task               text,
    inputs             jsonb[],
    queue              text        default null,
    priority           int         default null,
    run_at             timestamptz default null,
    delay              interval    default null,
    max_attempts       int         default null,
    expires_in         interval    default null,
    tags               text[]      default null,
    headers            jsonb       default null,
    unique_keys        text[]      default null,
    unique_within      interval    default null,
    conflict           text        default null,
    allow_unknown_task boolean     default false
)
    returns table (job bigint, outcome text)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    if enqueue_many.inputs is null then
        perform pgq_jobs.refuse('the inputs are null');
    end if;
    perform pgq_jobs.refuse(
        format('the input %s is not an object of parameters by their names', left(given.input::text, 100)))
    from unnest(enqueue_many.inputs) as given (input)
    where jsonb_typeof(given.input) <> 'object';
    return query
    select enqueued.job, enqueued.outcome
    from pgq_jobs.enqueue_inputs(
        task => enqueue_many.task,
        inputs => array(
            select decode('02', 'hex') || convert_to(given.input::text, 'UTF8')
            from unnest(enqueue_many.inputs) with ordinality as given (input, place)
            order by given.place
        ),
        queue => enqueue_many.queue,
        priority => enqueue_many.priority,
        run_at => enqueue_many.run_at,
        delay => enqueue_many.delay,
        max_attempts => enqueue_many.max_attempts,
        expires_in => enqueue_many.expires_in,
        tags => enqueue_many.tags,
        headers => enqueue_many.headers,
        unique_keys => enqueue_many.unique_keys,
        unique_within => enqueue_many.unique_within,
        conflict => enqueue_many.conflict,
        allow_unknown_task => enqueue_many.allow_unknown_task
    ) as enqueued;
end
$$;

-- Adds a job, and returns its number; that of the one that is the same, if there is one and it stays.
create function pgq_jobs.enqueue(
    task               text,
    input              jsonb       default '{}',
    queue              text        default null,
    priority           int         default null,
    run_at             timestamptz default null,
    delay              interval    default null,
    max_attempts       int         default null,
    expires_in         interval    default null,
    tags               text[]      default null,
    headers            jsonb       default null,
    unique_key         text        default null,
    unique_within      interval    default null,
    conflict           text        default null,
    allow_unknown_task boolean     default false
)
    returns bigint
    language sql volatile
    return (
        select enqueued.job
        from pgq_jobs.enqueue_many(
            task => enqueue.task,
            inputs => array [enqueue.input],
            queue => enqueue.queue,
            priority => enqueue.priority,
            run_at => enqueue.run_at,
            delay => enqueue.delay,
            max_attempts => enqueue.max_attempts,
            expires_in => enqueue.expires_in,
            tags => enqueue.tags,
            headers => enqueue.headers,
            unique_keys => case when enqueue.unique_key is not null then array [enqueue.unique_key] end,
            unique_within => enqueue.unique_within,
            conflict => enqueue.conflict,
            allow_unknown_task => enqueue.allow_unknown_task
        ) as enqueued
    );

-- Stops workers from starting jobs of a queue or a task; tells whether they did before.
create function pgq_jobs.pause(kind text, name text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgq_jobs.refuse(case
        when (pause.kind in ('queue', 'task')) is not true
            then format('%L is neither `queue` nor `task`', pause.kind)
        when not pgq_jobs.is_name(pause.name)
            then format('%L cannot be the name of a %s', pause.name, pause.kind)
    end);
    insert into pgq_jobs.pause (kind, name)
    values (pause.kind, pause.name)
    on conflict do nothing;
    if found then
        perform pgq_jobs.direct(pgq_jobs.channel());
        return true;
    end if;
    return false;
end
$$;

-- Ends a pause; tells whether there was one.
create function pgq_jobs.resume(kind text, name text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
begin
    if (resume.kind in ('queue', 'task')) is not true then
        perform pgq_jobs.refuse(format('%L is neither `queue` nor `task`', resume.kind));
    end if;
    delete from pgq_jobs.pause as pause where pause.kind = resume.kind and pause.name = resume.name;
    if found then
        perform pgq_jobs.direct(pgq_jobs.channel());
        return true;
    end if;
    return false;
end
$$;

-- Below, what follows on a line that begins with `-- statement` is a statement of the crate, whose parameters are
-- the arguments.

-- Finds a job in whatever state; the detail is an object.
create function pgq_jobs.find(job bigint)
    returns table (
        id bigint, state text, task text, queue text, priority smallint, attempt smallint,
        max_attempts smallint, deliveries int, deaths smallint, created_at timestamptz, run_at timestamptz,
        claimed_at timestamptz, finished_at timestamptz, result bytea, error text, detail text
    )
    language sql stable
    set enable_seqscan = off
    set enable_bitmapscan = off
    set jit = off
    set search_path = pg_catalog, pg_temp
as $$
-- statement find_job
-- Finds one job in whatever state.
--
-- $1 job  bigint
--
-- The lanes of `ready`, the kinds of `finished` and the workers of `running` are few: each is asked
-- for the job by the whole key of its index, and the limits keep it at that. The recursive queries
-- step from one lane or kind to the next.
with recursive lane (hash) as (
    (
        select hashtextextended(queue, priority)
        from pgq_jobs.ready
        order by hashtextextended(queue, priority)
        limit 1
    )
    union all
    select (
        select hashtextextended(ready.queue, ready.priority)
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) > lane.hash
        order by hashtextextended(ready.queue, ready.priority)
        limit 1
    )
    from lane
    where lane.hash is not null
), kind (hash) as (
    (
        select hashtextextended(task, hashtextextended(queue, 0))
        from pgq_jobs.finished
        order by hashtextextended(task, hashtextextended(queue, 0))
        limit 1
    )
    union all
    select (
        select hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) > kind.hash
        order by hashtextextended(finished.task, hashtextextended(finished.queue, 0))
        limit 1
    )
    from kind
    where kind.hash is not null
), found as (
    select id, 'scheduled' as state, task, queue, priority, attempt, max_attempts, deliveries, deaths,
           created_at, run_at, null::timestamptz as claimed_at, null::timestamptz as finished_at,
           null::bytea as result, error, marks
    from pgq_jobs.scheduled
    where id = $1
    union all
    select waiting.id, 'ready', waiting.task, waiting.queue, waiting.priority, waiting.attempt,
           waiting.max_attempts, waiting.deliveries, waiting.deaths, waiting.created_at, null, null, null,
           null, null, waiting.marks
    from lane
    cross join lateral (
        select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, marks, created_at
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = $1
          and ready.id = $1
        limit 1
    ) as waiting
    union all
    select id, 'ready', task, queue, priority, attempt, max_attempts, deliveries, deaths, created_at,
           null, null, null, null, null, marks
    from pgq_jobs.ready
    where id = $1 and id <> seq
    union all
    select held.id, 'running', held.task, held.queue, held.priority, held.attempt, held.max_attempts,
           held.deliveries, held.deaths, held.created_at, null, held.claimed_at, null, null, null,
           held.marks
    from pgq_jobs.worker as worker
    cross join lateral (
        select id, task, queue, priority, attempt, max_attempts, deliveries, deaths, marks, created_at,
               claimed_at
        from pgq_jobs.running as running
        where running.worker = worker.id and running.id = $1
        limit 1
    ) as held
    union all
    select ended.id, (array ['completed', 'failed', 'cancelled', 'expired'])[ended.state], ended.task,
           ended.queue, ended.priority, ended.attempt, ended.max_attempts, ended.deliveries,
           ended.deaths, ended.created_at, null, ended.claimed_at, ended.finished_at,
           (select value from pgq_jobs.result where job = $1 limit 1), ended.error, ended.marks
    from kind
    cross join lateral (
        select id, state, task, queue, priority, attempt, max_attempts, deliveries, deaths, marks,
               created_at, claimed_at, finished_at, error
        from pgq_jobs.finished as finished
        where hashtextextended(finished.task, hashtextextended(finished.queue, 0)) = kind.hash
          and finished.id = $1
        limit 1
    ) as ended
)
select found.id, found.state, found.task, found.queue, found.priority, found.attempt,
       found.max_attempts, found.deliveries, found.deaths, found.created_at, found.run_at,
       found.claimed_at, found.finished_at, found.result, found.error,
       case
           when found.marks & 4 <> 0
               then (
                   select to_json(detail)::text
                   from pgq_jobs.detail as detail
                   where detail.job = found.id
                   limit 1
               )
       end as detail
from found;
$$;

create function pgq_jobs.cancel_waiting(job bigint, retention smallint, channel text)
    returns table (jobs bigint, noticed bigint)
    language sql volatile
    set enable_seqscan = off
    set enable_bitmapscan = off
    set jit = off
    set search_path = pg_catalog, pg_temp
as $$
-- statement cancel_waiting
-- Cancels a job that waits; returns how many that were.
--
-- $1 job        bigint
-- $2 retention  smallint, in hours
-- $3 channel    text
--
-- The lanes of `ready` are few: each is asked for the job by the whole key of its index, as in
-- `find_job`. Who keeps the job locked is waited for as long as the transaction says, or 5 s.
with recursive limited as materialized (
    select set_config(
        'lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5s'), true
    ) is not null as done
), lane (hash) as (
    (
        select hashtextextended(queue, priority)
        from pgq_jobs.ready
        order by hashtextextended(queue, priority)
        limit 1
    )
    union all
    select (
        select hashtextextended(ready.queue, ready.priority)
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) > lane.hash
        order by hashtextextended(ready.queue, ready.priority)
        limit 1
    )
    from lane
    where lane.hash is not null
), place as materialized (
    select waiting.ctid
    from lane
    cross join lateral (
        select ready.ctid
        from pgq_jobs.ready as ready
        where hashtextextended(ready.queue, ready.priority) = lane.hash
          and ready.seq = $1
          and ready.id = $1
        limit 1
    ) as waiting
    union all
    select ready.ctid
    from pgq_jobs.ready as ready
    where ready.id = $1 and ready.id <> ready.seq
), taken as (
    delete from pgq_jobs.ready
    where (select done from limited)
      and ctid = any (array(select ctid from place))
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
              queue, task, input
), delayed as (
    delete from pgq_jobs.scheduled
    where (select done from limited)
      and id = $1
    returning id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths, marks,
              queue, task, input
), over as (
    insert into pgq_jobs.finished
        (id, fingerprint, created_at, finished_at, deliveries, state, retention, priority, attempt,
         max_attempts, deaths, marks, queue, task, input)
    select id, fingerprint, created_at, now(), deliveries, 3, $2, priority, attempt, max_attempts,
           deaths, marks, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               marks, queue, task, input
        from taken
        union all
        select id, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
               marks, queue, task, input
        from delayed
    ) as waiting
    returning id, marks
), freed as (
    delete from pgq_jobs.unique_key
    where until is null
      and job = any (array(select id from over where marks & 2 <> 0))
), waits_no_more as (
    delete from pgq_jobs.set_aside
    where job = any (array(select id from over where marks & 1 <> 0))
), noticed as (
    select pgq_jobs.wake($3, 'finished')
    from over
)
select (select count(*) from over) as jobs,
       (select count(*) from noticed) as noticed;
$$;

create function pgq_jobs.cancel_running(job bigint, channel text)
    returns table (held bigint, told boolean)
    language sql volatile
    set enable_seqscan = off
    set enable_bitmapscan = off
    set jit = off
    set search_path = pg_catalog, pg_temp
as $$
-- statement cancel_running
-- Asks for a job that runs to be cancelled; returns how many that were.
--
-- $1 job      bigint
-- $2 channel  text
--
-- The job's row is locked against its end: whoever ends the job sees the request, or this statement
-- sees that the job is gone. Who keeps it locked is waited for as long as the transaction says, or 5 s.
with limited as materialized (
    select set_config(
        'lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '5s'), true
    ) is not null as done
), held as materialized (
    select held.worker, held.id, held.claim
    from limited
    cross join pgq_jobs.worker as worker
    cross join lateral (
        select running.worker, running.id, running.claim
        from pgq_jobs.running as running
        where running.worker = worker.id and running.id = $1 and limited.done
        limit 1
        for update
    ) as held
), requested as (
    insert into pgq_jobs.cancel_request (worker, job, claim)
    select worker, id, claim
    from held
    on conflict do nothing
)
select count(*) as held, bool_or(pgq_jobs.direct($2)) as told
from held;
$$;

create function pgq_jobs.requeue_jobs(
    jobs bigint[], queues text[], tasks text[], finished_at timestamptz[], state smallint, channel text
)
    returns table (id bigint, woken bigint)
    language sql volatile
    set enable_seqscan = off
    set enable_bitmapscan = off
    set jit = off
    set search_path = pg_catalog, pg_temp
as $$
-- statement requeue_jobs
-- Makes jobs ready again that have ended, with all of their attempts; those that have changed since
-- they were looked at are left alone.
--
-- $1 jobs         bigint[]
-- $2 queues       text[]
-- $3 tasks        text[]
-- $4 finished_at  timestamptz[]
-- $5 state        smallint, of all of them
-- $6 channel      text
--
-- Each row is looked up by the whole key, as in `find_job`. Partitions have the same places, so the
-- rows there are told apart by the id, which no two have; the plus keeps the server from looking for
-- it in an index that does not begin with it.
--
-- A job with keys finds the line of its keys by way of the scheduled ones. A unique key (2) was freed when
-- the job ended, and is not taken again; nor is it compared with others (1024) that it has not been compared
-- with. One that had expired (8) may start whenever it likes, no worker has died of it (64, 128), and it is no
-- suspect (256). An attempt of it may have begun (16).
with gone as (
    delete from pgq_jobs.finished
    where state = $5
      and +id = any ($1)
      and ctid = any (array(
        select ended.ctid
        from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[])
            as wanted (job, queue, task, finished_at)
        cross join lateral (
            select finished.ctid
            from pgq_jobs.finished as finished
            where hashtextextended(finished.task, hashtextextended(finished.queue, 0))
                    = hashtextextended(wanted.task, hashtextextended(wanted.queue, 0))
              and finished.id = wanted.job
              and finished.state = $5
              and finished.finished_at = wanted.finished_at
            limit 1
        ) as ended
    ))
    returning id, fingerprint, created_at, deliveries, priority, max_attempts,
              (marks & ~(2 | 8 | 64 | 128 | 256 | 1024)::smallint) | 16::smallint as marks, queue, task,
              input
), again as (
    insert into pgq_jobs.ready
        (id, seq, fingerprint, created_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, nextval('pgq_jobs.job_number'), fingerprint, created_at, deliveries, priority, 0,
           max_attempts, 0, marks, queue, task, input
    from (
        select id, fingerprint, created_at, deliveries, priority, max_attempts, marks, queue, task,
               input
        from gone
        where marks & 1 = 0
        order by id
    ) as ordered
    returning id, queue
), keyed as (
    insert into pgq_jobs.scheduled
        (id, fingerprint, created_at, run_at, deliveries, priority, attempt, max_attempts, deaths,
         marks, queue, task, input)
    select id, fingerprint, created_at, now(), deliveries, priority, 0, max_attempts, 0, marks,
           queue, task, input
    from gone
    where marks & 1 <> 0
    returning id
), lasting as (
    update pgq_jobs.detail
    set expires_at = null
    where job = any (array(select id from gone where marks & 4 <> 0))
      and expires_at is not null
), woken as (
    select pgq_jobs.wake($6, topic)
    from (
        select distinct 'ready ' || queue as topic from again
        union all
        (select 'scheduled' from keyed limit 1)
    ) as topics
)
select gone.id, (select count(*) from woken) as woken
from gone;
$$;

-- Cancels a job. Returns the state that it has come to, which is `cancelled` if it waited; or `requested`, if it runs
-- and its worker has been told. Who keeps it locked is waited for as long as the transaction says, or 5 s.
create function pgq_jobs.cancel(job bigint) returns text
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    before constant text := current_setting('lock_timeout');
    answer text;
    -- For how many hours what was cancelled is kept.
    retention constant smallint := 24;
begin
    while answer is null loop
        begin
            if (select jobs > 0 from pgq_jobs.cancel_waiting(cancel.job, retention, pgq_jobs.channel())) then
                answer := 'cancelled';
                exit;
            end if;
        exception when check_violation then
            raise exception using
                errcode = 'PGQ06',
                message = format('job %s cannot be cancelled now: there is no room for what has ended', cancel.job),
                hint = 'Start a worker, which makes the partitions of the history, and try again.';
        end;
        if (select held > 0 from pgq_jobs.cancel_running(cancel.job, pgq_jobs.channel())) then
            answer := 'requested';
            exit;
        end if;
        select found.state into answer from pgq_jobs.find(cancel.job) as found;
        if not found then
            raise exception using errcode = 'PGQ05', message = format('there is no job %s', cancel.job);
        end if;
        -- If not, it has moved meanwhile.
        answer := case when answer in ('completed', 'failed', 'cancelled', 'expired') then answer end;
    end loop;
    perform set_config('lock_timeout', before, true);
    return answer;
end
$$;

-- Makes a job that has failed, or was cancelled, or has expired, ready again, with all of its attempts. Returns
-- false if it is in another state. Who keeps it locked is waited for as long as the transaction says, or 5 s.
create function pgq_jobs.requeue(job bigint) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
as $$
declare
    before constant text := current_setting('lock_timeout');
    ended record;
    done boolean;
begin
    perform set_config('lock_timeout', coalesce(nullif(before, '0'), '5s'), true);
    while done is null loop
        select found.state, found.queue, found.task, found.finished_at into ended
        from pgq_jobs.find(requeue.job) as found;
        if not found then
            raise exception using errcode = 'PGQ05', message = format('there is no job %s', requeue.job);
        end if;
        if ended.state not in ('failed', 'cancelled', 'expired') then
            done := false;
            exit;
        end if;
        perform again.id
        from pgq_jobs.requeue_jobs(
            array [requeue.job], array [ended.queue], array [ended.task], array [ended.finished_at],
            array_position(array ['completed', 'failed', 'cancelled', 'expired'], ended.state)::smallint,
            pgq_jobs.channel()
        ) as again;
        -- If not, it has moved meanwhile.
        done := case when found then true end;
    end loop;
    perform set_config('lock_timeout', before, true);
    return done;
end
$$;

-- Makes the keys of a job known that its enqueuer could not make; fenced by the claim token. `held` if the job
-- has them now, `same` if there is another that is the same, with its number, and `gone` if the worker does not
-- hold it. The arguments behind the token are keys of limits, and what the job is the same as others by.
--
-- A job that is to be replaced leaves its key, and not its number, to this one, unless it was enqueued later: then
-- it is the one that counts. Somebody who keeps the unique key locked is waited for so briefly that a deadlock is
-- never found, which might be the end of the other's transaction.
create function pgq_jobs.describe_job(
    worker bigint, job bigint, claim bigint, concurrency_key bigint, order_key bigint, rate_key bigint,
    unique_key bytea, period bigint, conflict text
)
    returns table (outcome text, other bigint)
    language plpgsql volatile
    set enable_seqscan = off
    set lock_timeout = '100ms'
    set search_path = pg_catalog, pg_temp
as $$
declare
    held   record;
    taken  record;
    hash   uuid := substr(encode(sha256(describe_job.unique_key), 'hex'), 1, 32)::uuid;
    bits   smallint := 0;
begin
    select running.queue, running.priority, running.created_at into held
    from pgq_jobs.running as running
    where running.worker = describe_job.worker
      and running.id = describe_job.job
      and running.claim = describe_job.claim
    for update;
    if not found then
        return query select 'gone', null::bigint;
        return;
    end if;
    if hash is not null then
        select key.job, key.outcome into taken
        from pgq_jobs.take_keys(
            array [hash], array [describe_job.period], describe_job.conflict,
            hashtextextended(held.queue, held.priority::bigint), held.created_at, describe_job.job
        ) as key;
        if taken.outcome in ('existing', 'refused') then
            return query select 'same', taken.job;
            return;
        end if;
        update pgq_jobs.unique_key as key
        set job = describe_job.job, lane = hashtextextended(held.queue, held.priority::bigint)
        where key.key = hash;
        if describe_job.period is null then
            bits := bits | 2;
        end if;
    end if;
    if coalesce(describe_job.concurrency_key, describe_job.order_key, describe_job.rate_key) is not null then
        insert into pgq_jobs.detail as detail (job, concurrency_key, order_key, rate_key, tags, headers)
        values (describe_job.job, describe_job.concurrency_key, describe_job.order_key, describe_job.rate_key,
                '{}', '{}')
        on conflict on constraint detail_pkey do update
        set concurrency_key = excluded.concurrency_key, order_key = excluded.order_key,
            rate_key = excluded.rate_key;
        bits := bits | 1 | 4;
    end if;
    update pgq_jobs.running as running
    set marks = (running.marks & ~(512 | 1024)::smallint) | bits
    where running.worker = describe_job.worker and running.id = describe_job.job;
    return query select 'held', null::bigint;
end
$$;
