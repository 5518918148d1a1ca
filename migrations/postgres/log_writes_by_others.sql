-- The functions run with the rights of their owner, since a program that may write student_courses may have no right
-- on the log, and only find matricula's own tables (set below).

-- A batch writes the head before anything else. So these are the rows of a batch if this transaction has written the
-- head, and it was not one of these functions that did: they write -1 to `in_batch`. Whether the mark of a batch is 1 or
-- 0 makes no difference here, since a batch sends its statements without waiting for each.

-- Locks the head of the log first, as every batch does, so that the order of locks is the same for all.
create function matricula_lock_head() returns trigger language plpgsql security definer as $matricula$
begin
    perform 1 from log_head where not (xmin = pg_current_xact_id()::xid and in_batch >= 0) for no key update;
    return null;
end $matricula$;

-- The time of an entry of the log: the same for all triggers of a statement, and never earlier than the entry before.
create function matricula_entry_time(last_at text) returns text language sql stable as $matricula$
    select greatest(last_at, to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
$matricula$;

-- Gives a new row an id and a time. Another pair is another enrollment, so it gets the next id too.
create function matricula_number_row() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
begin
    select * into head from log_head where not (xmin = pg_current_xact_id()::xid and in_batch >= 0);
    if not found then
        return new;
    end if;
    if tg_op = 'UPDATE' and new.id <> old.id then
        raise 'student_courses.id cannot be changed: delete the row, and insert another' using errcode = '23514';
    end if;
    if tg_op = 'UPDATE' or new.id is null then
        -- Rows that this statement has written are in the table, but not yet in the head. The upper half of the range
        -- is left to other programs, as in a batch.
        new.id := 1 + greatest(head.last_enrollment_id,
            (select max(id) from student_courses where id < 4503599627370496));
    end if;
    new.enrolled_at := matricula_entry_time(head.last_at);
    return new;
end $matricula$;

-- Logs new rows: one update of the head for all rows of a statement.
create function matricula_log_inserted() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where not (xmin = pg_current_xact_id()::xid and in_batch >= 0);
    if not found or not exists (select 1 from inserted) then
        return null;
    end if;
    if exists (select 1 from inserted where id not between 1 and 9007199254740991) then
        raise 'student_courses.id has to be from 1 to 9007199254740991: leave it out, and the row gets one'
            using errcode = '23514';
    end if;
    if exists (select 1 from inserted i where (i.id <= head.last_enrollment_id or i.id >= 4503599627370496)
        and exists (select 1 from events e where e.enrollment_id = i.id))
    then
        raise 'student_courses.id was used before: leave it out, and the row gets one' using errcode = '23505';
    end if;
    entry_time := matricula_entry_time(head.last_at);
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select head.last_seq + row_number() over (order by row_id, place), entry_time, type, student_id, course_id,
        enrollment_id, 'database', '{}'
    from (
        -- Nobody waits for a seat that they have.
        select i.id as row_id, 1 as place, 'waitlist.left' as type, i.student_id, i.course_id,
            cast(null as bigint) as enrollment_id
        from inserted i join waitlist w on w.student_id = i.student_id and w.course_id = i.course_id
        union all
        select id, 2, 'enrollment.created', student_id, course_id, id from inserted
    ) entry;
    get diagnostics entries = row_count;
    delete from waitlist w using inserted i where w.student_id = i.student_id and w.course_id = i.course_id;
    -- The time that the log says, where the program has set one.
    if exists (select 1 from inserted where enrolled_at <> entry_time) then
        update student_courses sc set enrolled_at = entry_time from inserted i
        where sc.id = i.id and i.enrolled_at <> entry_time;
    end if;
    update log_head set last_seq = last_seq + entries, last_at = entry_time, in_batch = -1,
        last_enrollment_id = greatest(last_enrollment_id,
            (select max(id) from inserted where id < 4503599627370496))
    where id = 1;
    return null;
end $matricula$;

create function matricula_log_deleted() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where not (xmin = pg_current_xact_id()::xid and in_batch >= 0);
    if not found then
        return null;
    end if;
    entry_time := matricula_entry_time(head.last_at);
    if tg_op = 'TRUNCATE' then
        insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
        select head.last_seq + row_number() over (order by id), entry_time, 'enrollment.dropped', student_id, course_id,
            id, 'database', '{}'
        from student_courses;
    else
        insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
        select head.last_seq + row_number() over (order by id), entry_time, 'enrollment.dropped', student_id, course_id,
            id, 'database', '{}'
        from deleted;
    end if;
    get diagnostics entries = row_count;
    if entries > 0 then
        update log_head set last_seq = last_seq + entries, last_at = entry_time, in_batch = -1 where id = 1;
    end if;
    return null;
end $matricula$;

create function matricula_log_changed() returns trigger language plpgsql security definer as $matricula$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where not (xmin = pg_current_xact_id()::xid and in_batch >= 0);
    if not found then
        return null;
    end if;
    entry_time := matricula_entry_time(head.last_at);
    insert into events (seq, at, type, student_id, course_id, enrollment_id, actor, data)
    select head.last_seq + row_number() over (order by place), entry_time, type, student_id, course_id,
        enrollment_id, 'database', '{}'
    from (
        select 1 as place, 'enrollment.dropped' as type, old.student_id, old.course_id, old.id as enrollment_id
        union all
        select 2, 'waitlist.left', student_id, course_id, null from waitlist
        where student_id = new.student_id and course_id = new.course_id
        union all
        select 3, 'enrollment.created', new.student_id, new.course_id, new.id
    ) entry;
    get diagnostics entries = row_count;
    delete from waitlist where student_id = new.student_id and course_id = new.course_id;
    update log_head set last_seq = last_seq + entries, last_at = entry_time, in_batch = -1,
        last_enrollment_id = greatest(last_enrollment_id, new.id)
    where id = 1;
    return null;
end $matricula$;

do $matricula$
declare
    name text;
    own_schema text := (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'log_head'::regclass);
begin
    foreach name in array array['matricula_lock_head()', 'matricula_entry_time(text)', 'matricula_number_row()',
        'matricula_log_inserted()', 'matricula_log_deleted()', 'matricula_log_changed()']
    loop
        -- Another program's temporary table must not take the place of the log.
        if name <> 'matricula_entry_time(text)' then
            execute format('alter function %s set search_path = %I, pg_temp', name, own_schema);
        end if;
        -- Nobody may put them on a table of their own, to write to the log.
        execute format('revoke all on function %s from public', name);
    end loop;
end $matricula$;

create trigger matricula_lock_head before insert or delete or truncate or update of id, student_id, course_id
    on student_courses for each statement execute function matricula_lock_head();
create trigger matricula_number_inserted before insert on student_courses for each row
    when (new.id is null or new.enrolled_at is null) execute function matricula_number_row();
create trigger matricula_number_changed before update of id, student_id, course_id on student_courses for each row
    when ((old.id, old.student_id, old.course_id) is distinct from (new.id, new.student_id, new.course_id))
    execute function matricula_number_row();
create trigger matricula_log_inserted after insert on student_courses referencing new table as inserted
    for each statement execute function matricula_log_inserted();
create trigger matricula_log_deleted after delete on student_courses referencing old table as deleted
    for each statement execute function matricula_log_deleted();
create trigger matricula_log_truncated before truncate on student_courses
    for each statement execute function matricula_log_deleted();
create trigger matricula_log_changed after update of id, student_id, course_id on student_courses for each row
    when ((old.id, old.student_id, old.course_id) is distinct from (new.id, new.student_id, new.course_id))
    execute function matricula_log_changed();
