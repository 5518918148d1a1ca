-- Until when a waitlist moves up, and until when students drop, if not until registration closes.
alter table course_seats add column waitlist_closes_at text; -- RFC 3339, UTC, milliseconds; null: as long as registration is open
alter table course_seats add column drop_until text; -- the same; null: as long as registration is open
