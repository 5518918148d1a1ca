-- The two tables that everything is about. A database that already has them keeps them as they are:
-- their definitions and rows belong to whoever made them.
create table if not exists students (
    id {{self_numbering_key}},
    name text not null,
    email text not null
);

create table if not exists courses (
    id {{self_numbering_key}},
    name text not null,
    level text not null
);
