-- ok: 3 enrollments agree with the 30 events in the log
-- token mtr_4ioPenE38W2yEmARZP7xQ2TFT6rQ14_1dXC-Dk5rQcM
--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: matricula_entry_time(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.matricula_entry_time(last_at text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    select greatest(last_at, to_char(statement_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
$$;


--
-- Name: matricula_lock_head(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.matricula_lock_head() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
begin
    perform 1 from log_head where in_batch = 0 for no key update;
    return null;
end $$;


--
-- Name: matricula_log_changed(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.matricula_log_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where in_batch >= 0;
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
    update log_head set last_seq = last_seq + entries, last_at = entry_time,
        last_enrollment_id = greatest(last_enrollment_id, new.id)
    where id = 1;
    return null;
end $$;


--
-- Name: matricula_log_deleted(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.matricula_log_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
begin
    select * into head from log_head where in_batch >= 0;
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
        from deleted d
        where head.in_batch = 0 or (select count(*) from events e
            where e.student_id = d.student_id and e.seq between head.in_batch and head.last_seq
                and e.enrollment_id = d.id and e.type = 'enrollment.dropped') = 0;
    end if;
    get diagnostics entries = row_count;
    if entries > 0 then
        update log_head set last_seq = last_seq + entries, last_at = entry_time where id = 1;
    end if;
    return null;
end $$;


--
-- Name: matricula_log_inserted(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.matricula_log_inserted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    head log_head%rowtype;
    entry_time text;
    entries bigint;
    in_log bigint[]; -- ids of enrollments that the log has already, since a batch is being written
begin
    select * into head from log_head where in_batch >= 0;
    if not found then
        return null;
    end if;
    in_log := array(select enrollment_id from events
        where head.in_batch > 0 and seq between head.in_batch and head.last_seq
            and enrollment_id is not null and type <> 'enrollment.dropped');
    if not exists (select 1 from inserted where id not in (select unnest(in_log))) then
        return null;
    end if;
    if exists (select 1 from inserted where id not between 1 and 9007199254740991) then
        raise 'student_courses.id has to be from 1 to 9007199254740991: leave it out, and the row gets one'
            using errcode = '23514';
    end if;
    if exists (select 1 from inserted i where i.id <> all (in_log)
        and (i.id <= head.last_enrollment_id or i.id >= 4503599627370496)
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
        where i.id <> all (in_log)
        union all
        select id, 2, 'enrollment.created', student_id, course_id, id from inserted where id <> all (in_log)
    ) entry;
    get diagnostics entries = row_count;
    delete from waitlist w using inserted i
    where i.id <> all (in_log) and w.student_id = i.student_id and w.course_id = i.course_id;
    -- The time that the log says, where the program has set one.
    if exists (select 1 from inserted where id <> all (in_log) and enrolled_at <> entry_time) then
        update student_courses sc set enrolled_at = entry_time from inserted i
        where i.id <> all (in_log) and sc.id = i.id and i.enrolled_at <> entry_time;
    end if;
    update log_head set last_seq = last_seq + entries, last_at = entry_time,
        last_enrollment_id = greatest(last_enrollment_id,
            (select max(id) from inserted where id < 4503599627370496 and id <> all (in_log)))
    where id = 1;
    return null;
end $$;


--
-- Name: matricula_number_row(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.matricula_number_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
declare
    head log_head%rowtype;
begin
    select * into head from log_head where in_batch >= 0;
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
end $$;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: course_seats; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.course_seats (
    course_id bigint NOT NULL,
    capacity bigint,
    waitlist_capacity bigint NOT NULL,
    opens_at text,
    closes_at text,
    waitlist_closes_at text,
    drop_until text,
    group_opens_at text
);


--
-- Name: courses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.courses (
    id bigint NOT NULL,
    name text NOT NULL,
    level text NOT NULL
);


--
-- Name: courses_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.courses ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.courses_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.events (
    seq bigint NOT NULL,
    at text NOT NULL,
    type text NOT NULL,
    student_id bigint,
    course_id bigint,
    enrollment_id bigint,
    actor text,
    request_id text,
    data text NOT NULL,
    batch bigint
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    key text NOT NULL,
    part bigint NOT NULL,
    fingerprint text NOT NULL,
    answered_at text NOT NULL,
    answer text NOT NULL,
    student_id bigint
);


--
-- Name: kept_columns; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.kept_columns (
    student_id bigint NOT NULL,
    course_id bigint NOT NULL,
    name text NOT NULL,
    value text
);


--
-- Name: log_head; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.log_head (
    id bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_enrollment_id bigint NOT NULL,
    last_at text NOT NULL,
    keeps bigint DEFAULT 0 NOT NULL,
    in_batch bigint DEFAULT 0 NOT NULL,
    CONSTRAINT log_head_id_check CHECK ((id = 1))
);


--
-- Name: matricula_access; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_access (
    id bigint NOT NULL,
    version bigint NOT NULL,
    is_closed bigint NOT NULL,
    CONSTRAINT matricula_access_id_check CHECK ((id = 1))
);


--
-- Name: matricula_accounts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_accounts (
    id bigint NOT NULL,
    name text NOT NULL,
    address text NOT NULL,
    role text NOT NULL,
    person_id bigint,
    password text,
    created_at text NOT NULL,
    disabled_at text,
    by_groups text
);


--
-- Name: matricula_course_codes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_course_codes (
    course_id bigint NOT NULL,
    code text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: matricula_disclosures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_disclosures (
    id bigint NOT NULL,
    at text NOT NULL,
    until text NOT NULL,
    token_id bigint NOT NULL,
    what text NOT NULL,
    course_id bigint,
    student_id bigint,
    as_of text,
    rows_sent bigint NOT NULL,
    record text NOT NULL
);


--
-- Name: matricula_disclosures_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.matricula_disclosures ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.matricula_disclosures_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: matricula_group_students; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_group_students (
    group_name text NOT NULL COLLATE pg_catalog."C",
    student_id bigint NOT NULL
);


--
-- Name: matricula_groups; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_groups (
    name text NOT NULL COLLATE pg_catalog."C",
    course_limit bigint
);


--
-- Name: matricula_holds; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_holds (
    id bigint NOT NULL,
    student_id bigint NOT NULL,
    reason text NOT NULL,
    placed_at text NOT NULL
);


--
-- Name: matricula_identities; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_identities (
    provider text NOT NULL,
    subject text NOT NULL,
    account_id bigint NOT NULL
);


--
-- Name: matricula_import_entries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_import_entries (
    import_id bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
);


--
-- Name: matricula_import_files; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_import_files (
    import_id bigint NOT NULL,
    place bigint NOT NULL,
    part bigint NOT NULL,
    name text NOT NULL,
    content text NOT NULL
);


--
-- Name: matricula_import_rows; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_import_rows (
    import_id bigint NOT NULL,
    list text NOT NULL,
    place bigint NOT NULL,
    content text NOT NULL
);


--
-- Name: matricula_imports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_imports (
    id bigint NOT NULL,
    created_at text NOT NULL,
    actor text NOT NULL,
    status text NOT NULL,
    settings text NOT NULL,
    report text NOT NULL,
    digest text NOT NULL,
    total bigint NOT NULL,
    done bigint NOT NULL,
    not_done bigint NOT NULL,
    remaining bigint NOT NULL,
    worker text,
    worked_by text,
    rights text,
    touched_at text NOT NULL,
    applied_at text,
    undone_at text,
    request text,
    fingerprint text,
    record text NOT NULL
);


--
-- Name: matricula_imports_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.matricula_imports ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.matricula_imports_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: matricula_instructors; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_instructors (
    course_id bigint NOT NULL,
    account_id bigint NOT NULL
);


--
-- Name: matricula_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_keys (
    name text NOT NULL,
    value text NOT NULL
);


--
-- Name: matricula_links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_links (
    hash text NOT NULL,
    account_id bigint NOT NULL,
    expires_at text NOT NULL
);


--
-- Name: matricula_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_migrations (
    version bigint NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);


--
-- Name: matricula_people; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_people (
    id bigint NOT NULL,
    student_id bigint NOT NULL
);


--
-- Name: matricula_rules; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_rules (
    id bigint NOT NULL,
    course_limit bigint,
    has_groups bigint NOT NULL,
    has_holds bigint NOT NULL,
    CONSTRAINT matricula_rules_id_check CHECK ((id = 1))
);


--
-- Name: matricula_seat_change_courses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_seat_change_courses (
    change_id bigint NOT NULL,
    course_id bigint NOT NULL,
    place bigint NOT NULL,
    status text NOT NULL,
    limits_before text,
    limits_after text,
    enrolled bigint NOT NULL,
    moves_up bigint NOT NULL,
    moved_up bigint NOT NULL,
    code text,
    detail text
);


--
-- Name: matricula_seat_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_seat_changes (
    id bigint NOT NULL,
    created_at text NOT NULL,
    actor text NOT NULL,
    status text NOT NULL,
    courses text NOT NULL,
    seats text NOT NULL,
    named text NOT NULL,
    planned bigint NOT NULL,
    unchanged bigint NOT NULL,
    refused bigint NOT NULL,
    moves_up bigint NOT NULL,
    done bigint NOT NULL,
    not_done bigint NOT NULL,
    undone bigint NOT NULL,
    remaining bigint NOT NULL,
    moved_up bigint NOT NULL,
    worker text,
    worked_by text,
    rights text,
    touched_at text NOT NULL,
    applied_at text,
    undone_at text,
    request text,
    fingerprint text,
    record text NOT NULL
);


--
-- Name: matricula_seat_changes_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.matricula_seat_changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.matricula_seat_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: matricula_sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_sessions (
    hash text NOT NULL,
    account_id bigint NOT NULL,
    created_at text NOT NULL,
    used_at text NOT NULL,
    expires_at text NOT NULL
);


--
-- Name: matricula_sign_ins; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_sign_ins (
    id bigint NOT NULL,
    at text NOT NULL,
    account_id bigint,
    outcome text NOT NULL,
    way text,
    network text,
    times bigint NOT NULL,
    record text
);


--
-- Name: matricula_sign_ins_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.matricula_sign_ins ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.matricula_sign_ins_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: matricula_student_numbers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_student_numbers (
    student_id bigint NOT NULL,
    number text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: matricula_token_uses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_token_uses (
    token_id bigint NOT NULL,
    used_at text NOT NULL
);


--
-- Name: matricula_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_tokens (
    id bigint NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    scopes text NOT NULL,
    person_id bigint,
    hash text NOT NULL,
    created_at text NOT NULL,
    expires_at text,
    revoked_at text
);


--
-- Name: matricula_used_states; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.matricula_used_states (
    state text NOT NULL,
    session text NOT NULL,
    used_at text NOT NULL
);


--
-- Name: student_courses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.student_courses (
    id bigint NOT NULL,
    student_id bigint NOT NULL,
    course_id bigint NOT NULL,
    enrolled_at text NOT NULL
);


--
-- Name: students; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.students (
    id bigint NOT NULL,
    name text NOT NULL,
    email text NOT NULL
);


--
-- Name: students_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.students ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.students_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: waitlist; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.waitlist (
    student_id bigint NOT NULL,
    course_id bigint NOT NULL,
    joined_seq bigint NOT NULL,
    joined_at text NOT NULL,
    on_hold bigint DEFAULT 0 NOT NULL
);


--
-- Data for Name: course_seats; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.course_seats VALUES (1, 2, 5, '2026-01-01T08:00:00.000Z', NULL, NULL, NULL, NULL);
INSERT INTO public.course_seats VALUES (3, 9, 0, '2099-01-01T08:00:00.000Z', NULL, NULL, NULL, '{"Seniors":"2026-01-01T08:00:00.000Z"}');
INSERT INTO public.course_seats VALUES (2, 40, 0, NULL, NULL, NULL, '2099-01-01T08:00:00.000Z', NULL);


--
-- Data for Name: courses; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.courses VALUES (1, 'Algebra', 'undergraduate');
INSERT INTO public.courses VALUES (2, 'Botany', 'undergraduate');
INSERT INTO public.courses VALUES (3, 'Chemistry', 'undergraduate');
INSERT INTO public.courses VALUES (4, 'Drawing', 'undergraduate');


--
-- Data for Name: events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.events VALUES (1, '2026-11-27T08:08:19.798Z', 'student.created', 1, NULL, NULL, 'anonymous', '60c792d043c8cde6-1', '{}', 2473565080608474557);
INSERT INTO public.events VALUES (2, '2026-11-27T08:08:19.824Z', 'student.created', 2, NULL, NULL, 'anonymous', '60c792d043c8cde6-2', '{}', 6481185790446314003);
INSERT INTO public.events VALUES (3, '2026-11-27T08:08:19.829Z', 'student.created', 3, NULL, NULL, 'anonymous', '60c792d043c8cde6-3', '{}', 8303462526267768983);
INSERT INTO public.events VALUES (4, '2026-11-27T08:08:19.834Z', 'student.created', 4, NULL, NULL, 'anonymous', '60c792d043c8cde6-4', '{}', 6153046756289340982);
INSERT INTO public.events VALUES (5, '2026-11-27T08:08:19.838Z', 'student.created', 5, NULL, NULL, 'anonymous', '60c792d043c8cde6-5', '{}', 559293164555102317);
INSERT INTO public.events VALUES (6, '2026-11-27T08:08:19.842Z', 'student.created', 6, NULL, NULL, 'anonymous', '60c792d043c8cde6-6', '{}', 9118537498557586604);
INSERT INTO public.events VALUES (7, '2026-11-27T08:08:19.847Z', 'course.created', NULL, 1, NULL, 'anonymous', '60c792d043c8cde6-7', '{}', 2934691105562825359);
INSERT INTO public.events VALUES (8, '2026-11-27T08:08:19.852Z', 'course.created', NULL, 2, NULL, 'anonymous', '60c792d043c8cde6-8', '{}', 889180616094612703);
INSERT INTO public.events VALUES (9, '2026-11-27T08:08:19.856Z', 'course.created', NULL, 3, NULL, 'anonymous', '60c792d043c8cde6-9', '{}', 1279948221437864218);
INSERT INTO public.events VALUES (10, '2026-11-27T08:08:19.861Z', 'course.created', NULL, 4, NULL, 'anonymous', '60c792d043c8cde6-a', '{}', 466918991185277076);
INSERT INTO public.events VALUES (11, '2026-11-27T08:08:19.865Z', 'seats.set', NULL, 1, NULL, 'anonymous', '60c792d043c8cde6-b', '{"capacity":2,"waitlist_capacity":5,"opens_at":"2026-01-01T08:00:00.000Z","closes_at":null,"waitlist_closes_at":null,"drop_until":null,"group_opens_at":{}}', 3719809597462192787);
INSERT INTO public.events VALUES (12, '2026-11-27T08:08:19.870Z', 'seats.set', NULL, 2, NULL, 'anonymous', '60c792d043c8cde6-c', '{"capacity":30,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{}}', 1208297405357421452);
INSERT INTO public.events VALUES (13, '2026-11-27T08:08:19.879Z', 'enrollment.created', 1, 1, 1, 'anonymous', '60c792d043c8cde6-d', '{}', 2338151726417851775);
INSERT INTO public.events VALUES (14, '2026-11-27T08:08:19.885Z', 'enrollment.created', 2, 1, 2, 'anonymous', '60c792d043c8cde6-e', '{}', 1998552758130745003);
INSERT INTO public.events VALUES (15, '2026-11-27T08:08:19.889Z', 'waitlist.joined', 3, 1, NULL, 'anonymous', '60c792d043c8cde6-f', '{"position":1}', 388015004873390978);
INSERT INTO public.events VALUES (16, '2026-11-27T08:08:19.892Z', 'waitlist.joined', 4, 1, NULL, 'anonymous', '60c792d043c8cde6-10', '{"position":2}', 3566418786084175015);
INSERT INTO public.events VALUES (17, '2026-11-27T08:08:19.896Z', 'enrollment.created', 1, 2, 3, 'anonymous', '60c792d043c8cde6-11', '{}', 1917683588650847548);
INSERT INTO public.events VALUES (18, '2026-11-27T08:08:19.901Z', 'enrollment.dropped', 1, 1, 1, 'anonymous', '60c792d043c8cde6-12', '{}', 2264853015324344645);
INSERT INTO public.events VALUES (19, '2026-11-27T08:08:19.901Z', 'waitlist.promoted', 3, 1, 4, 'anonymous', '60c792d043c8cde6-12', '{}', NULL);
INSERT INTO public.events VALUES (20, '2026-11-27T08:08:19.906Z', 'group.set', NULL, NULL, NULL, 'anonymous', '60c792d043c8cde6-13', '{"group":"Seniors","course_limit":3}', 597782794034876277);
INSERT INTO public.events VALUES (21, '2026-11-27T08:08:19.915Z', 'group.joined', 1, NULL, NULL, 'anonymous', '60c792d043c8cde6-14', '{"group":"Seniors"}', 5162698980045405858);
INSERT INTO public.events VALUES (22, '2026-11-27T08:08:19.923Z', 'seats.set', NULL, 3, NULL, 'anonymous', '60c792d043c8cde6-15', '{"capacity":9,"waitlist_capacity":0,"opens_at":"2099-01-01T08:00:00.000Z","closes_at":null,"waitlist_closes_at":null,"drop_until":null,"group_opens_at":{"Seniors":"2026-01-01T08:00:00.000Z"}}', 2142991919881855948);
INSERT INTO public.events VALUES (23, '2026-11-27T08:08:19.927Z', 'hold.placed', 4, NULL, NULL, 'anonymous', '60c792d043c8cde6-16', '{"reason":"fees"}', 4643756604212355840);
INSERT INTO public.events VALUES (24, '2026-11-27T08:08:19.932Z', 'rules.set', NULL, NULL, NULL, 'anonymous', '60c792d043c8cde6-17', '{"course_limit":4}', 2260251606379753752);
INSERT INTO public.events VALUES (25, '2026-11-27T08:08:19.935Z', 'student.deleted', 6, NULL, NULL, 'anonymous', '60c792d043c8cde6-18', '{}', 3758523998073070323);
INSERT INTO public.events VALUES (26, '2026-11-27T08:08:19.985Z', 'seats.set', NULL, 2, NULL, 'anonymous', '60c792d043c8cde6-1a', '{"capacity":40,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{},"seat_change":1}', 3799052725074988833);
INSERT INTO public.events VALUES (27, '2026-11-27T08:08:20.031Z', 'student.created', 7, NULL, NULL, 'anonymous', '60c792d043c8cde6-1c', '{"import":1,"row":0}', 4634810252172448849);
INSERT INTO public.events VALUES (28, '2026-11-27T08:08:20.155Z', 'token.created', NULL, NULL, NULL, 'cli', NULL, '{"token_id":28,"role":"admin","scopes":["catalogue:read","students:read","rosters:read","events:read","students:write","courses:write","enrollments:write","admin"],"expires_at":null}', 6773146352669917361);
INSERT INTO public.events VALUES (29, '2026-11-27T08:08:20.266Z', 'account.created', NULL, NULL, NULL, 'cli', NULL, '{"account_id":29,"role":"instructor"}', 5308714038610183499);
INSERT INTO public.events VALUES (30, '2026-11-27T08:08:20.303Z', 'instructor.assigned', NULL, 1, NULL, 'token:28', '60c792d043c8cde6-1e', '{"account_id":29}', 6799754862877988954);


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.idempotency_keys VALUES ('one', 0, 'fb08f3316fc7249f26ca2c404ca9513a', '2026-11-27T08:08:19.896Z', '{"form":4,"outcome":{"Ok":{"Enrollment":{"id":3,"student_id":1,"course_id":2,"enrolled_at":"2026-11-27T08:08:19.896Z"}}}}', 1);


--
-- Data for Name: kept_columns; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: log_head; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.log_head VALUES (1, 30, 4, '2026-11-27T08:08:20.303Z', 0, 0);


--
-- Data for Name: matricula_access; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_access VALUES (1, 5, 1);


--
-- Data for Name: matricula_accounts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_accounts VALUES (29, 'Ruth', 'ruth@example.edu', 'instructor', NULL, NULL, '2026-11-27T08:08:20.266Z', NULL, NULL);


--
-- Data for Name: matricula_course_codes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_course_codes VALUES (1, 'C1');
INSERT INTO public.matricula_course_codes VALUES (2, 'C2');
INSERT INTO public.matricula_course_codes VALUES (3, 'C3');
INSERT INTO public.matricula_course_codes VALUES (4, 'C4');


--
-- Data for Name: matricula_disclosures; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: matricula_group_students; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_group_students VALUES ('Seniors', 1);


--
-- Data for Name: matricula_groups; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_groups VALUES ('Seniors', 3);


--
-- Data for Name: matricula_holds; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_holds VALUES (23, 4, 'fees', '2026-11-27T08:08:19.927Z');


--
-- Data for Name: matricula_identities; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: matricula_import_entries; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_import_entries VALUES (1, 27, 27);


--
-- Data for Name: matricula_import_files; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: matricula_import_rows; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_import_rows VALUES (1, 'plan', 0, '[{"row":0,"file":"upload.csv","line":2,"status":"new","record":"student","student":"007","fields":[{"field":"name","old":null,"new":"Gus"},{"field":"email","old":null,"new":"7@example.edu"},{"field":"number","old":null,"new":"007"}]}]');


--
-- Data for Name: matricula_imports; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_imports VALUES (1, '2026-11-27T08:08:20.014Z', 'anonymous', 'applied', '{"kind":null,"encoding":null,"corrections":[],"mode":"add","override":null}', '{"files":[{"name":"upload.csv","format":"list","kind":"students","encoding":"UTF-8","encoding_guessed":false,"delimiter":",","columns":[{"heading":"name","meaning":"name"},{"heading":"email","meaning":"email"},{"heading":"number","meaning":"number"}],"ignored":[],"rows":1,"blank":0,"refused":0,"skipped":{},"refusal":null}],"counts":{"new":1,"waiting":0,"overridden":0,"changed":0,"unchanged":0,"refused":0,"would_vanish":0,"promoted":0,"new_groups":0},"held_back":[],"confirm":null,"warnings":[],"new_groups":[]}', '60f0e52000f3945a28109bf1f9983d2353580c4b9d2666670df4362a0fd8b52c', 1, 1, 0, 0, '64f28ecfd3d3f84e09ee4950c9240c19', 'anonymous', 'catalogue:read students:read rosters:read events:read students:write courses:write enrollments:write own-record:read own-enrollments:write own-rosters:read admin', '2026-11-27T08:08:20.039Z', '2026-11-27T08:08:20.039Z', NULL, NULL, NULL, '9bffa7d755c2da5c0fb6cfd446000649');


--
-- Data for Name: matricula_instructors; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_instructors VALUES (1, 29);


--
-- Data for Name: matricula_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_keys VALUES ('etag', '7fd9ad5d43f83ec84b4972eb7fe42070');


--
-- Data for Name: matricula_links; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_links VALUES ('2c9b5fb10af4333f6d548d4f09d533489c7078365286d00cbbc5abb28c0e2dd7', 29, '2026-11-28T08:08:20.189Z');


--
-- Data for Name: matricula_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_migrations VALUES (1, 'students', '2026-11-27T08:08:19.469Z', '3140361654377976359');
INSERT INTO public.matricula_migrations VALUES (2, 'courses', '2026-11-27T08:08:19.479Z', '15364452587283715718');
INSERT INTO public.matricula_migrations VALUES (3, 'student_courses', '2026-11-27T08:08:19.480Z', '5234619456313024842');
INSERT INTO public.matricula_migrations VALUES (4, 'event_log', '2026-11-27T08:08:19.482Z', '11454282820623459657');
INSERT INTO public.matricula_migrations VALUES (5, 'course_seats', '2026-11-27T08:08:19.484Z', '14197937339495739361');
INSERT INTO public.matricula_migrations VALUES (6, 'waitlist', '2026-11-27T08:08:19.494Z', '13463143290665751673');
INSERT INTO public.matricula_migrations VALUES (7, 'idempotency_keys', '2026-11-27T08:08:19.498Z', '8738425012596272055');
INSERT INTO public.matricula_migrations VALUES (8, 'nothing_lost', '2026-11-27T08:08:19.500Z', '16554778991189375179');
INSERT INTO public.matricula_migrations VALUES (9, 'writes_by_others', '2026-11-27T08:08:19.502Z', '13950448962149591392');
INSERT INTO public.matricula_migrations VALUES (10, 'writes_within_batches', '2026-11-27T08:08:19.505Z', '14438249905922229154');
INSERT INTO public.matricula_migrations VALUES (11, 'access', '2026-11-27T08:08:19.508Z', '9005557836296758405');
INSERT INTO public.matricula_migrations VALUES (12, 'sessions', '2026-11-27T08:08:19.510Z', '17031284128451131134');
INSERT INTO public.matricula_migrations VALUES (13, 'instructors', '2026-11-27T08:08:19.512Z', '16317317316653033625');
INSERT INTO public.matricula_migrations VALUES (14, 'records', '2026-11-27T08:08:19.514Z', '4989046909568867970');
INSERT INTO public.matricula_migrations VALUES (15, 'uses_and_keys', '2026-11-27T08:08:19.518Z', '10317571313289659594');
INSERT INTO public.matricula_migrations VALUES (16, 'sign_on', '2026-11-27T08:08:19.520Z', '10663110745457415904');
INSERT INTO public.matricula_migrations VALUES (17, 'external_ids', '2026-11-27T08:08:19.530Z', '2162890879267061508');
INSERT INTO public.matricula_migrations VALUES (18, 'imports', '2026-11-27T08:08:19.533Z', '5969476482488830322');
INSERT INTO public.matricula_migrations VALUES (19, 'mode_of_imports', '2026-11-27T08:08:19.536Z', '12722647187856423139');
INSERT INTO public.matricula_migrations VALUES (20, 'deadlines', '2026-11-27T08:08:19.536Z', '9007849446817473184');
INSERT INTO public.matricula_migrations VALUES (21, 'restored_enrollments', '2026-11-27T08:08:19.537Z', '1410570562612818916');
INSERT INTO public.matricula_migrations VALUES (22, 'groups_and_holds', '2026-11-27T08:08:19.537Z', '4697942097528776242');
INSERT INTO public.matricula_migrations VALUES (23, 'seat_changes', '2026-11-27T08:08:19.542Z', '15127567168869181712');


--
-- Data for Name: matricula_people; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: matricula_rules; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_rules VALUES (1, 4, 1, 1);


--
-- Data for Name: matricula_seat_change_courses; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_seat_change_courses VALUES (1, 2, 1, 'done', '{"capacity":30,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{}}', '{"capacity":40,"waitlist_capacity":0,"opens_at":null,"closes_at":null,"waitlist_closes_at":null,"drop_until":"2099-01-01T08:00:00.000Z","group_opens_at":{}}', 1, 0, 0, NULL, NULL);


--
-- Data for Name: matricula_seat_changes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_seat_changes VALUES (1, '2026-11-27T08:08:19.973Z', 'anonymous', 'applied', '{"ids":[2]}', '{"capacity":40}', 'cd04a4754498e06db5a13c5f371f1f04ff6d2470f24aa9bd886540e5dce77f70', 1, 0, 0, 0, 1, 0, 0, 0, 0, 'a7da9e6b3abbf4b4e3ced6252798d7f2', 'anonymous', 'catalogue:read students:read rosters:read events:read students:write courses:write enrollments:write own-record:read own-enrollments:write own-rosters:read admin', '2026-11-27T08:08:19.991Z', '2026-11-27T08:08:19.991Z', NULL, NULL, NULL, '1733436d22ad3db37583eb4f5f032369');


--
-- Data for Name: matricula_sessions; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: matricula_sign_ins; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: matricula_student_numbers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_student_numbers VALUES (1, '001');
INSERT INTO public.matricula_student_numbers VALUES (2, '002');
INSERT INTO public.matricula_student_numbers VALUES (3, '003');
INSERT INTO public.matricula_student_numbers VALUES (4, '004');
INSERT INTO public.matricula_student_numbers VALUES (5, '005');
INSERT INTO public.matricula_student_numbers VALUES (7, '007');


--
-- Data for Name: matricula_token_uses; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_token_uses VALUES (28, '2026-11-27T08:08:20.296Z');


--
-- Data for Name: matricula_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.matricula_tokens VALUES (28, 'Office', 'admin', 'catalogue:read students:read rosters:read events:read students:write courses:write enrollments:write admin', NULL, '77542b2cda6b1364e9faf85fdb0fcd4c467a84a128a617683f50a7a53d8bb79f', '2026-11-27T08:08:20.155Z', NULL, NULL);


--
-- Data for Name: matricula_used_states; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: student_courses; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.student_courses VALUES (2, 2, 1, '2026-11-27T08:08:19.885Z');
INSERT INTO public.student_courses VALUES (3, 1, 2, '2026-11-27T08:08:19.896Z');
INSERT INTO public.student_courses VALUES (4, 3, 1, '2026-11-27T08:08:19.901Z');


--
-- Data for Name: students; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.students VALUES (1, 'Ana', '1@example.edu');
INSERT INTO public.students VALUES (2, 'Ben', '2@example.edu');
INSERT INTO public.students VALUES (3, 'Cleo', '3@example.edu');
INSERT INTO public.students VALUES (4, 'Dan', '4@example.edu');
INSERT INTO public.students VALUES (5, 'Élan O’Brien', '5@example.edu');
INSERT INTO public.students VALUES (7, 'Gus', '7@example.edu');


--
-- Data for Name: waitlist; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.waitlist VALUES (4, 1, 16, '2026-11-27T08:08:19.892Z', 1);


--
-- Name: courses_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.courses_id_seq', 4, true);


--
-- Name: matricula_disclosures_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.matricula_disclosures_id_seq', 1, false);


--
-- Name: matricula_imports_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.matricula_imports_id_seq', 1, true);


--
-- Name: matricula_seat_changes_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.matricula_seat_changes_id_seq', 1, true);


--
-- Name: matricula_sign_ins_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.matricula_sign_ins_id_seq', 1, false);


--
-- Name: students_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.students_id_seq', 7, true);


--
-- Name: course_seats course_seats_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.course_seats
    ADD CONSTRAINT course_seats_pkey PRIMARY KEY (course_id);


--
-- Name: courses courses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.courses
    ADD CONSTRAINT courses_pkey PRIMARY KEY (id);


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (seq);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (key, part);


--
-- Name: kept_columns kept_columns_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.kept_columns
    ADD CONSTRAINT kept_columns_pkey PRIMARY KEY (student_id, course_id, name);


--
-- Name: log_head log_head_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.log_head
    ADD CONSTRAINT log_head_pkey PRIMARY KEY (id);


--
-- Name: matricula_access matricula_access_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_access
    ADD CONSTRAINT matricula_access_pkey PRIMARY KEY (id);


--
-- Name: matricula_accounts matricula_accounts_address_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_accounts
    ADD CONSTRAINT matricula_accounts_address_key UNIQUE (address);


--
-- Name: matricula_accounts matricula_accounts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_accounts
    ADD CONSTRAINT matricula_accounts_pkey PRIMARY KEY (id);


--
-- Name: matricula_course_codes matricula_course_codes_code_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_course_codes
    ADD CONSTRAINT matricula_course_codes_code_key UNIQUE (code);


--
-- Name: matricula_course_codes matricula_course_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_course_codes
    ADD CONSTRAINT matricula_course_codes_pkey PRIMARY KEY (course_id);


--
-- Name: matricula_disclosures matricula_disclosures_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_disclosures
    ADD CONSTRAINT matricula_disclosures_pkey PRIMARY KEY (id);


--
-- Name: matricula_disclosures matricula_disclosures_record_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_disclosures
    ADD CONSTRAINT matricula_disclosures_record_key UNIQUE (record);


--
-- Name: matricula_group_students matricula_group_students_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_group_students
    ADD CONSTRAINT matricula_group_students_pkey PRIMARY KEY (group_name, student_id);


--
-- Name: matricula_groups matricula_groups_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_groups
    ADD CONSTRAINT matricula_groups_pkey PRIMARY KEY (name);


--
-- Name: matricula_holds matricula_holds_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_holds
    ADD CONSTRAINT matricula_holds_pkey PRIMARY KEY (id);


--
-- Name: matricula_identities matricula_identities_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_identities
    ADD CONSTRAINT matricula_identities_pkey PRIMARY KEY (provider, subject);


--
-- Name: matricula_import_entries matricula_import_entries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_import_entries
    ADD CONSTRAINT matricula_import_entries_pkey PRIMARY KEY (import_id, first_seq);


--
-- Name: matricula_import_files matricula_import_files_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_import_files
    ADD CONSTRAINT matricula_import_files_pkey PRIMARY KEY (import_id, place, part);


--
-- Name: matricula_import_rows matricula_import_rows_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_import_rows
    ADD CONSTRAINT matricula_import_rows_pkey PRIMARY KEY (import_id, list, place);


--
-- Name: matricula_imports matricula_imports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_imports
    ADD CONSTRAINT matricula_imports_pkey PRIMARY KEY (id);


--
-- Name: matricula_imports matricula_imports_record_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_imports
    ADD CONSTRAINT matricula_imports_record_key UNIQUE (record);


--
-- Name: matricula_imports matricula_imports_request_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_imports
    ADD CONSTRAINT matricula_imports_request_key UNIQUE (request);


--
-- Name: matricula_instructors matricula_instructors_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_instructors
    ADD CONSTRAINT matricula_instructors_pkey PRIMARY KEY (course_id, account_id);


--
-- Name: matricula_keys matricula_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_keys
    ADD CONSTRAINT matricula_keys_pkey PRIMARY KEY (name);


--
-- Name: matricula_links matricula_links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_links
    ADD CONSTRAINT matricula_links_pkey PRIMARY KEY (hash);


--
-- Name: matricula_migrations matricula_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_migrations
    ADD CONSTRAINT matricula_migrations_pkey PRIMARY KEY (version);


--
-- Name: matricula_people matricula_people_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_people
    ADD CONSTRAINT matricula_people_pkey PRIMARY KEY (id);


--
-- Name: matricula_rules matricula_rules_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_rules
    ADD CONSTRAINT matricula_rules_pkey PRIMARY KEY (id);


--
-- Name: matricula_seat_change_courses matricula_seat_change_courses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_seat_change_courses
    ADD CONSTRAINT matricula_seat_change_courses_pkey PRIMARY KEY (change_id, course_id);


--
-- Name: matricula_seat_changes matricula_seat_changes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_seat_changes
    ADD CONSTRAINT matricula_seat_changes_pkey PRIMARY KEY (id);


--
-- Name: matricula_seat_changes matricula_seat_changes_record_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_seat_changes
    ADD CONSTRAINT matricula_seat_changes_record_key UNIQUE (record);


--
-- Name: matricula_seat_changes matricula_seat_changes_request_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_seat_changes
    ADD CONSTRAINT matricula_seat_changes_request_key UNIQUE (request);


--
-- Name: matricula_sessions matricula_sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_sessions
    ADD CONSTRAINT matricula_sessions_pkey PRIMARY KEY (hash);


--
-- Name: matricula_sign_ins matricula_sign_ins_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_sign_ins
    ADD CONSTRAINT matricula_sign_ins_pkey PRIMARY KEY (id);


--
-- Name: matricula_sign_ins matricula_sign_ins_record_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_sign_ins
    ADD CONSTRAINT matricula_sign_ins_record_key UNIQUE (record);


--
-- Name: matricula_student_numbers matricula_student_numbers_number_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_student_numbers
    ADD CONSTRAINT matricula_student_numbers_number_key UNIQUE (number);


--
-- Name: matricula_student_numbers matricula_student_numbers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_student_numbers
    ADD CONSTRAINT matricula_student_numbers_pkey PRIMARY KEY (student_id);


--
-- Name: matricula_token_uses matricula_token_uses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_token_uses
    ADD CONSTRAINT matricula_token_uses_pkey PRIMARY KEY (token_id);


--
-- Name: matricula_tokens matricula_tokens_hash_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_tokens
    ADD CONSTRAINT matricula_tokens_hash_key UNIQUE (hash);


--
-- Name: matricula_tokens matricula_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_tokens
    ADD CONSTRAINT matricula_tokens_pkey PRIMARY KEY (id);


--
-- Name: matricula_used_states matricula_used_states_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_used_states
    ADD CONSTRAINT matricula_used_states_pkey PRIMARY KEY (state);


--
-- Name: student_courses student_courses_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.student_courses
    ADD CONSTRAINT student_courses_pkey PRIMARY KEY (id);


--
-- Name: student_courses student_courses_student_id_course_id_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.student_courses
    ADD CONSTRAINT student_courses_student_id_course_id_key UNIQUE (student_id, course_id);


--
-- Name: students students_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.students
    ADD CONSTRAINT students_pkey PRIMARY KEY (id);


--
-- Name: waitlist waitlist_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlist
    ADD CONSTRAINT waitlist_pkey PRIMARY KEY (student_id, course_id);


--
-- Name: events_course; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_course ON public.events USING btree (course_id, seq);


--
-- Name: events_student; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_student ON public.events USING btree (student_id, seq);


--
-- Name: events_type; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX events_type ON public.events USING btree (type, seq);


--
-- Name: idempotency_keys_answered; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_answered ON public.idempotency_keys USING btree (answered_at);


--
-- Name: idempotency_keys_student; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_student ON public.idempotency_keys USING btree (student_id) WHERE (student_id IS NOT NULL);


--
-- Name: matricula_disclosures_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_disclosures_at ON public.matricula_disclosures USING btree (at);


--
-- Name: matricula_disclosures_course; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_disclosures_course ON public.matricula_disclosures USING btree (course_id, what);


--
-- Name: matricula_disclosures_student; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_disclosures_student ON public.matricula_disclosures USING btree (student_id);


--
-- Name: matricula_group_students_student; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_group_students_student ON public.matricula_group_students USING btree (student_id);


--
-- Name: matricula_holds_student; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_holds_student ON public.matricula_holds USING btree (student_id);


--
-- Name: matricula_identities_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_identities_account ON public.matricula_identities USING btree (account_id);


--
-- Name: matricula_instructors_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_instructors_account ON public.matricula_instructors USING btree (account_id);


--
-- Name: matricula_people_student; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_people_student ON public.matricula_people USING btree (student_id);


--
-- Name: matricula_seat_change_courses_place; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX matricula_seat_change_courses_place ON public.matricula_seat_change_courses USING btree (change_id, place);


--
-- Name: matricula_sessions_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_sessions_account ON public.matricula_sessions USING btree (account_id);


--
-- Name: matricula_sessions_used; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_sessions_used ON public.matricula_sessions USING btree (used_at);


--
-- Name: matricula_sign_ins_account; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_sign_ins_account ON public.matricula_sign_ins USING btree (account_id, outcome, id);


--
-- Name: matricula_sign_ins_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_sign_ins_at ON public.matricula_sign_ins USING btree (at);


--
-- Name: matricula_sign_ins_outcome; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_sign_ins_outcome ON public.matricula_sign_ins USING btree (outcome, id);


--
-- Name: matricula_used_states_used; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX matricula_used_states_used ON public.matricula_used_states USING btree (used_at);


--
-- Name: student_courses_course; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX student_courses_course ON public.student_courses USING btree (course_id, id);


--
-- Name: waitlist_course; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX waitlist_course ON public.waitlist USING btree (course_id, joined_seq);


--
-- Name: student_courses matricula_lock_head; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_lock_head BEFORE INSERT OR DELETE OR UPDATE OF id, student_id, course_id OR TRUNCATE ON public.student_courses FOR EACH STATEMENT EXECUTE FUNCTION public.matricula_lock_head();


--
-- Name: student_courses matricula_log_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_log_changed AFTER UPDATE OF id, student_id, course_id ON public.student_courses FOR EACH ROW WHEN ((((old.id IS DISTINCT FROM new.id) OR (old.student_id IS DISTINCT FROM new.student_id)) OR (old.course_id IS DISTINCT FROM new.course_id))) EXECUTE FUNCTION public.matricula_log_changed();


--
-- Name: student_courses matricula_log_deleted; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_log_deleted AFTER DELETE ON public.student_courses REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION public.matricula_log_deleted();


--
-- Name: student_courses matricula_log_inserted; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_log_inserted AFTER INSERT ON public.student_courses REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION public.matricula_log_inserted();


--
-- Name: student_courses matricula_log_truncated; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_log_truncated BEFORE TRUNCATE ON public.student_courses FOR EACH STATEMENT EXECUTE FUNCTION public.matricula_log_deleted();


--
-- Name: student_courses matricula_number_changed; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_number_changed BEFORE UPDATE OF id, student_id, course_id ON public.student_courses FOR EACH ROW WHEN ((((old.id IS DISTINCT FROM new.id) OR (old.student_id IS DISTINCT FROM new.student_id)) OR (old.course_id IS DISTINCT FROM new.course_id))) EXECUTE FUNCTION public.matricula_number_row();


--
-- Name: student_courses matricula_number_inserted; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER matricula_number_inserted BEFORE INSERT ON public.student_courses FOR EACH ROW WHEN (((new.id IS NULL) OR (new.enrolled_at IS NULL))) EXECUTE FUNCTION public.matricula_number_row();


--
-- Name: course_seats course_seats_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.course_seats
    ADD CONSTRAINT course_seats_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id);


--
-- Name: matricula_course_codes matricula_course_codes_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_course_codes
    ADD CONSTRAINT matricula_course_codes_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id) ON DELETE CASCADE;


--
-- Name: matricula_group_students matricula_group_students_group_name_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_group_students
    ADD CONSTRAINT matricula_group_students_group_name_fkey FOREIGN KEY (group_name) REFERENCES public.matricula_groups(name) ON DELETE CASCADE;


--
-- Name: matricula_group_students matricula_group_students_student_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_group_students
    ADD CONSTRAINT matricula_group_students_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id) ON DELETE CASCADE;


--
-- Name: matricula_holds matricula_holds_student_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_holds
    ADD CONSTRAINT matricula_holds_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id) ON DELETE CASCADE;


--
-- Name: matricula_instructors matricula_instructors_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_instructors
    ADD CONSTRAINT matricula_instructors_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id) ON DELETE CASCADE;


--
-- Name: matricula_student_numbers matricula_student_numbers_student_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.matricula_student_numbers
    ADD CONSTRAINT matricula_student_numbers_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id) ON DELETE CASCADE;


--
-- Name: student_courses student_courses_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.student_courses
    ADD CONSTRAINT student_courses_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id);


--
-- Name: student_courses student_courses_student_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.student_courses
    ADD CONSTRAINT student_courses_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id);


--
-- Name: waitlist waitlist_course_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlist
    ADD CONSTRAINT waitlist_course_id_fkey FOREIGN KEY (course_id) REFERENCES public.courses(id);


--
-- Name: waitlist waitlist_student_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.waitlist
    ADD CONSTRAINT waitlist_student_id_fkey FOREIGN KEY (student_id) REFERENCES public.students(id);


--
-- PostgreSQL database dump complete
--


