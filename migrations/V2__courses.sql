-- What they take. A database that already has this table keeps it as it is, too.
create table courses (
    id {{self_numbering_key}},
    name text not null,
    level text not null
);
