-- The people. A database that already has this table keeps it as it is: its definition and its rows belong to whoever
-- made them, and this statement is not run.
create table students (
    id {{self_numbering_key}},
    name text not null,
    email text not null
);
