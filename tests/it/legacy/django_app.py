"""An application that a school may already have: Django, with its own tables, unaware of matricula.

    django_app.py <database> <command> [<argument> ...] [-- <command> ...]

Courses have students: a many-to-many relation, whose table Django writes by itself.
"""

import os
import sys
import urllib.parse

import django
from django.apps import AppConfig
from django.conf import settings

database, *words = sys.argv[1:]

if database.startswith("postgresql"):
    url = urllib.parse.urlparse(database)
    connection = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": url.hostname,
        "PORT": url.port,
        "USER": url.username,
        "NAME": url.path[1:],
    }
else:
    connection = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.abspath(database)}
settings.configure(
    DATABASES={"default": connection},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[AppConfig("school", sys.modules[__name__])],
)
django.setup()

from django.db import models, transaction  # noqa: E402
from django.db import connection as db  # noqa: E402


class Student(models.Model):
    name = models.CharField(max_length=80)
    email = models.EmailField()

    class Meta:
        app_label = "school"
        db_table = "students"


class Course(models.Model):
    name = models.CharField(max_length=80)
    level = models.CharField(max_length=20)
    students = models.ManyToManyField(Student, db_table="student_courses", db_constraint=False)

    class Meta:
        app_label = "school"
        db_table = "courses"


def run(command, *arguments):
    match command, arguments:
        case "create", []:
            with db.schema_editor() as editor:
                editor.create_model(Student)
                editor.create_model(Course)
        case "add-student", [name]:
            Student.objects.create(name=name, email=f"{name.lower()}@example.edu")
        case "add-course", [name]:
            Course.objects.create(name=name, level="beginner")
        case "add", [course, *students]:
            Course.objects.get(name=course).students.add(*Student.objects.filter(name__in=students))
        case "remove", [course, student]:
            Course.objects.get(name=course).students.remove(Student.objects.get(name=student))
        case "set", [course, *students]:
            with transaction.atomic():
                Course.objects.get(name=course).students.set(Student.objects.filter(name__in=students))
        case "delete-student", [name]:
            Student.objects.get(name=name).delete()
        case "roster", [course]:
            print(*Course.objects.get(name=course).students.order_by("name").values_list("name", flat=True))
        case _:
            sys.exit(f"no such command: {command} {arguments}")


while words:
    end = words.index("--") if "--" in words else len(words)
    run(*words[:end])
    words = words[end + 1 :]
