-- What was said last about a section counts, and the undo of an import removes what it has said.
create table matricula_sections_before as select * from matricula_canvas_sections;
drop table matricula_canvas_sections;

create table matricula_canvas_sections (
    section text{{by_bytes}} not null, -- its id in Canvas
    import_id {{key}} not null, -- which import says so, 0: one before; no foreign key, since old imports are deleted
    said {{key}} not null, -- the order in which imports have said it, which is not that of their ids
    course text{{by_bytes}} not null, -- the id of its course in Canvas
    course_name text, -- the name of that course, if a file had it
    moved_from text{{by_bytes}}, -- the course from which Canvas has moved it; null: none
    code text{{by_bytes}} not null, -- the code of the course that it is
    primary key (section, import_id)
);

insert into matricula_canvas_sections (section, import_id, said, course, course_name, moved_from, code)
select section, 0, 0, course, course_name, moved_from, code from matricula_sections_before;
drop table matricula_sections_before;
