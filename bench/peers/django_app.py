"""Peer service: Django + Django REST framework in one file, served by gunicorn with threads.

    DATABASE=... gunicorn --workers 3 --worker-class gthread --threads 32 --keep-alive 60 \
        --log-level error --bind 127.0.0.1:PORT django_app:app

DEBUG off, no request log, JSON only, no sessions or login, a persistent connection for each thread.
SQLite runs with WAL and synchronous=FULL, PostgreSQL (psycopg 3) with the server's own durability.
Statements are prepared, as in the other peers.
"""

import os
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

DATABASE = os.environ["DATABASE"]

if "://" in DATABASE:
    url = urlsplit(DATABASE)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": url.port or "",
        "OPTIONS": {"prepare_threshold": 5, "server_side_binding": True},
    }
else:
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL;"
            "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        },
    }

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    INSTALLED_APPS=[__name__],
    ROOT_URLCONF=__name__,
    APPEND_SLASH=False,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # sets Content-Length
    DATABASES={"default": database | {"CONN_MAX_AGE": None}},
    USE_I18N=False,
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"class": "logging.StreamHandler", "level": "ERROR"}},
        "root": {"handlers": ["stderr"]},
    },
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import IntegrityError, models, transaction  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.exceptions import APIException, NotFound  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Student(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    email = models.TextField()

    class Meta:
        db_table = "students"
        managed = False


class Course(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    level = models.TextField()

    class Meta:
        db_table = "courses"
        managed = False


class Enrollment(models.Model):
    id = models.BigAutoField(primary_key=True)
    student = models.ForeignKey(Student, models.CASCADE, related_name="enrollments")
    course = models.ForeignKey(Course, models.CASCADE, related_name="enrollments")
    enrolled_at = models.TextField()

    class Meta:
        db_table = "student_courses"
        managed = False


class CourseSeats(models.Model):
    course = models.OneToOneField(Course, models.CASCADE, primary_key=True)
    capacity = models.BigIntegerField(null=True)

    class Meta:
        db_table = "course_seats"
        managed = False


class StudentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Student
        fields = ["id", "name", "email"]


class CourseSerializer(serializers.ModelSerializer):
    class Meta:
        model = Course
        fields = ["id", "name", "level"]


class EnrollmentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Enrollment
        fields = ["id", "student_id", "course_id", "enrolled_at"]


class EnrollmentRequest(serializers.Serializer):
    course_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class Conflict(APIException):
    status_code = 409


class StudentView(APIView):
    def get(self, _request, student_id):
        student = Student.objects.filter(pk=student_id).first()
        if student is None:
            raise NotFound("No such student.")
        return Response(StudentSerializer(student).data)


class StudentCoursesView(APIView):
    def get(self, _request, student_id):
        courses = Course.objects.filter(enrollments__student_id=student_id).order_by("enrollments__id")
        if not courses and not Student.objects.filter(pk=student_id).exists():
            raise NotFound("No such student.")
        return Response(CourseSerializer(courses, many=True).data)

    def post(self, request, student_id):
        body = EnrollmentRequest(data=request.data)
        body.is_valid(raise_exception=True)
        course_id = body.validated_data["course_id"]
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        capacity = CourseSeats.objects.select_for_update().filter(pk=course_id).values_list("capacity", flat=True)
        taken = Enrollment.objects.filter(course_id=course_id)
        try:
            with transaction.atomic():
                seats = capacity.first()
                if seats is not None and taken.count() >= seats:
                    refuse(student_id, course_id, "The course is full.")
                enrollment = Enrollment.objects.create(student_id=student_id, course_id=course_id, enrolled_at=now)
        except IntegrityError:
            refuse(student_id, course_id, "The student has this course already.")
        return Response(EnrollmentSerializer(enrollment).data, status=201)


def refuse(student_id, course_id, reason):
    if not Student.objects.filter(pk=student_id).exists():
        raise NotFound("No such student.")
    if not Course.objects.filter(pk=course_id).exists():
        raise NotFound("No such course.")
    raise Conflict(reason)


def healthz(_request):
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("healthz", healthz),
    path("api/v1/students/<int:student_id>", StudentView.as_view()),
    path("api/v1/students/<int:student_id>/courses", StudentCoursesView.as_view()),
]
app = get_wsgi_application()
