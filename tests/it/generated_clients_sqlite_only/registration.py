"""A whole registration with the client that openapi-python-client makes from the document of the server."""

import json
import os
from io import BytesIO

from matricula_client import AuthenticatedClient, Client
from matricula_client.api.access import get_me
from matricula_client.api.courses import create_course, list_courses
from matricula_client.api.enrollments import enroll, list_course_students, list_student_courses, run_enrollment_batch
from matricula_client.api.events import list_events
from matricula_client.api.imports import apply_import, create_import
from matricula_client.api.seats import set_seats
from matricula_client.api.students import create_student, list_students
from matricula_client.models import (
    AlreadyEnrolledProblem,
    Course,
    CourseFullProblem,
    CreateImportKind,
    Enrollment,
    EventType,
    ImportStatus,
    InvalidRequestProblem,
    LogEntry,
    NewCourse,
    NewEnrollment,
    NewSeats,
    NewStudent,
    Role,
    Student,
    SwapOperation,
    UnauthorizedProblem,
    Waitlisted,
)
from matricula_client.types import File

address, token = os.environ["ADDRESS"], os.environ["TOKEN"]

# Without a token, the answer is a problem of a class of its own.
refused = get_me.sync(client=Client(address))
assert isinstance(refused, UnauthorizedProblem), refused
assert refused.type_ == "/problems/unauthorized", refused

client = AuthenticatedClient(address, token, raise_on_unexpected_status=True)
me = get_me.sync(client=client)
assert me.role is Role.ADMIN, me


def student(name: str) -> Student:
    body = NewStudent(name=name, email=f"{name.lower()}@example.edu")
    made = create_student.sync(client=client, body=body)
    assert isinstance(made, Student), made
    return made


def course(name: str, capacity: int, waitlist_capacity: int = 0) -> Course:
    made = create_course.sync(client=client, body=NewCourse(name=name, level="1"))
    assert isinstance(made, Course), made
    limits = NewSeats(capacity=capacity, waitlist_capacity=waitlist_capacity)
    set_seats.sync(made.id, client=client, body=limits)
    return made


ana, ben, eve = student("Ana"), student("Ben"), student("Eve")
algebra, biology = course("Algebra", capacity=1), course("Biology", capacity=2)
chess = course("Chess", capacity=0, waitlist_capacity=5)

# Enroll, and be refused: the members of the problem have names and types.
enrolled = enroll.sync(ana.id, client=client, body=NewEnrollment(course_id=algebra.id))
assert isinstance(enrolled, Enrollment) and enrolled.enrolled_at.tzinfo, enrolled
again = enroll.sync(ana.id, client=client, body=NewEnrollment(course_id=algebra.id))
assert isinstance(again, AlreadyEnrolledProblem), again
assert again.enrollment == enrolled, again
full = enroll.sync(ben.id, client=client, body=NewEnrollment(course_id=algebra.id))
assert isinstance(full, CourseFullProblem), full
assert (full.course_id, full.capacity, full.enrolled) == (algebra.id, 1, 1), full
waiting = enroll.sync(ben.id, client=client, body=NewEnrollment(course_id=chess.id))
assert isinstance(waiting, Waitlisted) and waiting.position == 1, waiting
invalid = create_student.sync(client=client, body=NewStudent(name="", email="nobody"))
assert isinstance(invalid, InvalidRequestProblem), invalid
assert [error.pointer for error in invalid.errors] == ["/name", "/email"], invalid

# Swap, in a batch: a result for each operation, refused ones with their problem.
enroll.sync(eve.id, client=client, body=NewEnrollment(course_id=biology.id))
swaps = [
    SwapOperation(op="swap", student_id=eve.id, from_=biology.id, to=algebra.id),
    SwapOperation(op="swap", student_id=ana.id, from_=algebra.id, to=biology.id),
]
stuck, swapped = run_enrollment_batch.sync(client=client, body=swaps)
assert stuck.status == 409 and isinstance(stuck.problem, CourseFullProblem), stuck
assert swapped.status == 201 and swapped.enrollment.course_id == biology.id, swapped
assert [one.name for one in list_student_courses.sync(ana.id, client=client)] == ["Biology"]

# Import a file.
rows = "".join(f"{number},Student {number},s{number}@example.edu\n" for number in range(100, 110))
file = File(BytesIO(f"number,name,email\n{rows}".encode()))
plan = create_import.sync(client=client, body=file, kind=CreateImportKind.STUDENTS, name="students.csv")
assert (plan.status, plan.counts.new) == (ImportStatus.PLANNED, 10), plan
assert apply_import.sync(plan.id, client=client).status is ImportStatus.APPLIED

# Page through a list.
names, after = [], None
while True:
    page = list_students.sync_detailed(client=client, limit=4, **({"after": after} if after else {}))
    names += [one.name for one in page.parsed]
    after = page.headers.get("X-Next-Cursor")
    if after is None:
        break
assert len(names) == len(set(names)) == 13, names
assert [one.name for one in list_courses.sync(client=client)] == ["Algebra", "Biology", "Chess"]
assert {one.name for one in list_course_students.sync(biology.id, client=client)} == {"Ana", "Eve"}

# Read the log, and follow it.
log = list_events.sync(client=client)
assert all(isinstance(entry, LogEntry) for entry in log), log
assert log[-1].type_ is EventType.IMPORT_APPLIED, log[-1]
student("Zoë")
query = {"after": log[-1].seq}
with client.get_httpx_client().stream("GET", "/api/v1/events/stream", params=query) as events:
    data = next(line for line in events.iter_lines() if line.startswith("data:"))
entry = LogEntry.from_dict(json.loads(data.removeprefix("data:")))
assert (entry.seq, entry.type_) == (log[-1].seq + 1, EventType.STUDENT_CREATED), entry

print("registered")
