"""Peer service: FastAPI + SQLAlchemy 2 asyncio (aiosqlite or asyncpg), served by uvicorn.

    DATABASE=... uvicorn --loop uvloop --http httptools --timeout-keep-alive 60 \
        --no-access-log --log-level warning --host 127.0.0.1 --port PORT fastapi_app:app

Debug off, no request log, 5 pooled connections, reads in autocommit mode (one round trip on PostgreSQL).
SQLite runs with WAL and synchronous=FULL, PostgreSQL with the server's own durability.
Fair on one core: one process, an event loop and an HTTP parser in C, and the pool size that measured fastest.
"""

import os
from datetime import UTC, datetime
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, ForeignKey, event, func, make_url, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MAX_ID = 2**63 - 1
DATABASE = os.environ["DATABASE"]
SQLITE = "://" not in DATABASE
POOL = {"pool_size": 5, "max_overflow": 0}  # further connections would be opened and closed all the time

if SQLITE:
    read_engine = write_engine = create_async_engine(f"sqlite+aiosqlite:///{DATABASE}", **POOL)

    @event.listens_for(write_engine.sync_engine, "connect")
    def set_pragmas(connection, _record):
        cursor = connection.cursor()
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

else:
    write_engine = create_async_engine(make_url(DATABASE).set(drivername="postgresql+asyncpg"), **POOL)
    read_engine = write_engine.execution_options(isolation_level="AUTOCOMMIT")

ReadSession = async_sessionmaker(read_engine)
WriteSession = async_sessionmaker(write_engine, expire_on_commit=False)


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


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class StudentOut(Out):
    id: int
    name: str
    email: str


class CourseOut(Out):
    id: int
    name: str
    level: str


class EnrollmentOut(Out):
    id: int
    student_id: int
    course_id: int
    enrolled_at: str


class EnrollmentIn(BaseModel):
    course_id: int = Field(strict=True, ge=1, le=MAX_ID)


StudentId = Annotated[int, Path(ge=1, le=MAX_ID)]
app = FastAPI()


@app.exception_handler(RequestValidationError)
async def bad_request(_request, error):
    return JSONResponse({"detail": error.errors()[0]["msg"]}, status_code=400)


@app.get("/healthz")
async def healthz() -> PlainTextResponse:
    return PlainTextResponse("ok")


@app.get("/api/v1/students/{student_id}", response_model=StudentOut)
async def get_student(student_id: StudentId):
    async with ReadSession() as session:
        student = await session.get(Student, student_id)
    if student is None:
        raise HTTPException(404, "No such student.")
    return student


@app.get("/api/v1/students/{student_id}/courses", response_model=list[CourseOut])
async def list_courses(student_id: StudentId):
    courses = (
        select(Course.id, Course.name, Course.level)
        .join(Enrollment, Enrollment.course_id == Course.id)
        .where(Enrollment.student_id == student_id)
        .order_by(Enrollment.id)
    )
    async with ReadSession() as session:
        rows = (await session.execute(courses)).all()
        if not rows and await session.get(Student, student_id) is None:
            raise HTTPException(404, "No such student.")
    return rows


@app.post("/api/v1/students/{student_id}/courses", status_code=201, response_model=EnrollmentOut)
async def enroll(student_id: StudentId, body: EnrollmentIn):
    course_id = body.course_id
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    enrollment = Enrollment(student_id=student_id, course_id=course_id, enrolled_at=now)
    capacity = select(CourseSeats.capacity).where(CourseSeats.course_id == course_id).with_for_update()
    taken = select(func.count()).select_from(Enrollment).where(Enrollment.course_id == course_id)
    try:
        async with WriteSession.begin() as session:
            if SQLITE:
                await session.execute(text("BEGIN IMMEDIATE"))
            seats = await session.scalar(capacity)
            if seats is not None and await session.scalar(taken) >= seats:
                await refuse(session, student_id, course_id, "The course is full.")
            session.add(enrollment)
    except IntegrityError:
        async with ReadSession() as session:
            await refuse(session, student_id, course_id, "The student has this course already.")
    return enrollment


async def refuse(session, student_id, course_id, reason):
    if await session.get(Student, student_id) is None:
        raise HTTPException(404, "No such student.")
    if await session.get(Course, course_id) is None:
        raise HTTPException(404, "No such course.")
    raise HTTPException(409, reason)
