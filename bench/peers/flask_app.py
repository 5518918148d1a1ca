"""Peer service: Flask + SQLAlchemy 2 ORM (sync), served by gunicorn with threads.

    DATABASE=... gunicorn --workers 3 --worker-class gthread --threads 32 --keep-alive 60 \
        --log-level error --bind 127.0.0.1:PORT flask_app:app

Debug off, no request log, a pooled connection for each thread, reads in autocommit mode (one round trip).
SQLite runs with WAL and synchronous=FULL, PostgreSQL (psycopg 3) with the server's own durability.
Idle keep-alive connections hold no thread.
"""

import os
from datetime import UTC, datetime

from flask import Flask, abort, request
from sqlalchemy import BigInteger, ForeignKey, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from werkzeug.exceptions import HTTPException

MAX_ID = 2**63 - 1
DATABASE = os.environ["DATABASE"]
SQLITE = "://" not in DATABASE

if SQLITE:
    read_engine = write_engine = create_engine(f"sqlite:///{DATABASE}")

    @event.listens_for(write_engine, "connect")
    def set_pragmas(connection, _record):
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

else:
    write_engine = create_engine(make_url(DATABASE).set(drivername="postgresql+psycopg"))
    read_engine = write_engine.execution_options(isolation_level="AUTOCOMMIT")

ReadSession = sessionmaker(read_engine)
WriteSession = sessionmaker(write_engine, expire_on_commit=False)


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger}


class Student(Base):
    __tablename__ = "students"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class Course(Base):
    __tablename__ = "courses"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[str]


class Enrollment(Base):
    __tablename__ = "student_courses"
    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey(Student.id))
    course_id: Mapped[int] = mapped_column(ForeignKey(Course.id))
    enrolled_at: Mapped[str]


class CourseSeats(Base):
    __tablename__ = "course_seats"
    course_id: Mapped[int] = mapped_column(ForeignKey(Course.id), primary_key=True)
    capacity: Mapped[int | None]


app = Flask(__name__)
app.json.sort_keys = False


@app.errorhandler(HTTPException)
def problem(error):
    return {"detail": error.description}, error.code


@app.get("/healthz")
def healthz():
    return "ok", {"Content-Type": "text/plain"}


@app.get(f"/api/v1/students/<int(max={MAX_ID}):student_id>")
def get_student(student_id):
    with ReadSession() as session:
        student = session.get(Student, student_id)
    if student is None:
        abort(404, "No such student.")
    return {"id": student.id, "name": student.name, "email": student.email}


@app.get(f"/api/v1/students/<int(max={MAX_ID}):student_id>/courses")
def list_courses(student_id):
    courses = (
        select(Course.id, Course.name, Course.level)
        .join(Enrollment, Enrollment.course_id == Course.id)
        .where(Enrollment.student_id == student_id)
        .order_by(Enrollment.id)
    )
    with ReadSession() as session:
        rows = session.execute(courses).all()
        if not rows and session.get(Student, student_id) is None:
            abort(404, "No such student.")
    return [{"id": row.id, "name": row.name, "level": row.level} for row in rows]


@app.post(f"/api/v1/students/<int(max={MAX_ID}):student_id>/courses")
def enroll(student_id):
    body = request.get_json(silent=True)
    course_id = body.get("course_id") if isinstance(body, dict) else None
    if type(course_id) is not int or not 1 <= course_id <= MAX_ID:
        abort(400, "The body must be an object with an integer course_id.")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    enrollment = Enrollment(student_id=student_id, course_id=course_id, enrolled_at=now)
    capacity = select(CourseSeats.capacity).where(CourseSeats.course_id == course_id).with_for_update()
    taken = select(func.count()).select_from(Enrollment).where(Enrollment.course_id == course_id)
    try:
        with WriteSession.begin() as session:
            if SQLITE:
                session.execute(text("BEGIN IMMEDIATE"))
            seats = session.scalar(capacity)
            if seats is not None and session.scalar(taken) >= seats:
                refuse(session, student_id, course_id, "The course is full.")
            session.add(enrollment)
    except IntegrityError:
        with ReadSession() as session:
            refuse(session, student_id, course_id, "The student has this course already.")
    return {"id": enrollment.id, "student_id": student_id, "course_id": course_id, "enrolled_at": now}, 201


def refuse(session, student_id, course_id, reason):
    if session.get(Student, student_id) is None:
        abort(404, "No such student.")
    if session.get(Course, course_id) is None:
        abort(404, "No such course.")
    abort(409, reason)
