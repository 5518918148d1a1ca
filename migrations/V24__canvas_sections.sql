-- Which course a section of Canvas is. That depends on how many sections its course had when it was first described, and
-- must not change when that number does. Files know courses by their codes only; a row without its course is ignored.
create table matricula_canvas_sections (
    section text{{by_bytes}} not null primary key, -- its id in Canvas
    course text{{by_bytes}} not null, -- the id of its course in Canvas
    course_name text, -- the name of that course, if a file had it
    moved_from text{{by_bytes}}, -- the course from which Canvas has moved it; null: none
    code text{{by_bytes}} not null unique -- the code of the course that it is
);
