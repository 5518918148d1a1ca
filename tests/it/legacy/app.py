"""An application that a school may already have: Flask-SQLAlchemy, with its own tables, unaware of matricula.

    app.py <database> <command> [<argument> ...] [-- <command> ...]

It runs each command through its own web routes, as its users would, and prints the answers.
"""

import os
import sys

from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy

database, *words = sys.argv[1:]

app = Flask(__name__)
is_server = database.startswith("postgresql")
app.config["SQLALCHEMY_DATABASE_URI"] = database if is_server else "sqlite:///" + os.path.abspath(database)
db = SQLAlchemy(app)


class Student(db.Model):
    __tablename__ = "students"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)
    email = db.Column(db.String(120), nullable=False)


class Course(db.Model):
    __tablename__ = "courses"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)
    level = db.Column(db.String(20), nullable=False)


class StudentCourse(db.Model):
    __tablename__ = "student_courses"
    id = db.Column(db.Integer, primary_key=True)
    student_id = db.Column(db.Integer, db.ForeignKey("students.id"))
    course_id = db.Column(db.Integer, db.ForeignKey("courses.id"), index=True)
    grade = db.Column(db.String(2), default="-")


@app.post("/students")
def add_student():
    student = Student(**request.json)
    db.session.add(student)
    db.session.commit()
    return jsonify(student.id)


@app.patch("/students/<int:student_id>")
def rename_student(student_id):
    db.get_or_404(Student, student_id).name = request.json["name"]
    db.session.commit()
    return jsonify(student_id)


@app.delete("/students/<int:student_id>")
def delete_student(student_id):
    db.session.delete(db.get_or_404(Student, student_id))
    db.session.commit()
    return jsonify(student_id)


@app.post("/courses")
def add_course():
    course = Course(**request.json)
    db.session.add(course)
    db.session.commit()
    return jsonify(course.id)


@app.get("/students")
def students():
    return jsonify([student.name for student in Student.query.order_by(Student.id)])


@app.get("/courses")
def courses():
    return jsonify([course.name for course in Course.query.order_by(Course.id)])


@app.get("/grades")
def grades():
    return jsonify([row.grade for row in StudentCourse.query.order_by(StudentCourse.id)])


def create(with_association):
    tables = [Student.__table__, Course.__table__] + ([StudentCourse.__table__] if with_association else [])
    db.metadata.create_all(db.engine, tables=tables)


def enroll(student_id, course_id, grade):
    db.session.add(StudentCourse(student_id=student_id, course_id=course_id, grade=grade))
    db.session.commit()


def enrollment(student_id, course_id):
    return db.session.execute(
        db.select(StudentCourse).filter_by(student_id=student_id, course_id=course_id)
    ).scalar_one()


def grade(student_id, course_id, grade):
    enrollment(student_id, course_id).grade = grade
    db.session.commit()


def drop(student_id, course_id):
    db.session.delete(enrollment(student_id, course_id))
    db.session.commit()


def run(client, command, *arguments):
    match command, arguments:
        case "create", []:
            return create(with_association=False)
        case "create-with-association", []:
            return create(with_association=True)
        case "enroll", [student_id, course_id, letter]:
            return enroll(student_id, course_id, letter)
        case "grade", [student_id, course_id, letter]:
            return grade(student_id, course_id, letter)
        case "drop", [student_id, course_id]:
            return drop(student_id, course_id)
        case "add-student", [name, email]:
            answer = client.post("/students", json={"name": name, "email": email})
        case "rename-student", [student_id, name]:
            answer = client.patch(f"/students/{student_id}", json={"name": name})
        case "delete-student", [student_id]:
            answer = client.delete(f"/students/{student_id}")
        case "add-course", [name, level]:
            answer = client.post("/courses", json={"name": name, "level": level})
        case "list", [what]:
            answer = client.get(f"/{what}")
        case _:
            sys.exit(f"no such command: {command} {arguments}")
    if answer.status_code != 200:
        sys.exit(answer.text)
    print(answer.text.strip())


with app.app_context():
    while words:
        end = words.index("--") if "--" in words else len(words)
        run(app.test_client(), *words[:end])
        words = words[end + 1 :]
