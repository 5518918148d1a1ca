"""Makes a school with something of everything, and dumps its database: what the next versions have to be able to upgrade.

Run it once for each release that has migrations, with its program, for a file and for an empty database on a server:

    python3 tests/it/upgrades/make.py target/release/matricula 23-migrations.sqlite.sql
    python3 tests/it/upgrades/make.py target/release/matricula 23-migrations.postgres.sql postgres://postgres@127.0.0.1/empty
"""

import atexit
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

program, name, *server = sys.argv[1:]
folder = tempfile.mkdtemp()
database = server[0] if server else f"{folder}/school.db"


def run(*words):
    return subprocess.run([program, *words, "--database", database], check=True, capture_output=True, text=True).stdout


serving = subprocess.Popen(
    [program, "serve", "--database", database, "--listen", "127.0.0.1:0", "--log", "off"], stdout=subprocess.PIPE, text=True
)
atexit.register(serving.kill)
address = re.search(r"http://\S+", serving.stdout.readline()).group()


def ask(method, path, body=None, kind="application/json", **headers):
    data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(f"{address}/api/v1/{path}", data, {"content-type": kind, **headers}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.read().decode()}")
    return json.loads(text) if text else None


for number, student in enumerate(["Ana", "Ben", "Cleo", "Dan", "Élan O’Brien", "Fay"], 1):
    ask("POST", "students", {"name": student, "email": f"{number}@example.edu", "number": f"00{number}"})
for number, course in enumerate(["Algebra", "Botany", "Chemistry", "Drawing"], 1):
    ask("POST", "courses", {"name": course, "level": "undergraduate", "code": f"C{number}"})
ask("PUT", "courses/1/seats", {"capacity": 2, "waitlist_capacity": 5, "opens_at": "2026-01-01T08:00:00Z"})
ask("PUT", "courses/2/seats", {"capacity": 30, "drop_until": "2099-01-01T08:00:00Z"})
for student in [1, 2, 3, 4]:
    ask("POST", f"students/{student}/courses", {"course_id": 1})
ask("POST", "students/1/courses", {"course_id": 2}, Idempotency_Key="one")
ask("DELETE", "students/1/courses/1")
ask("PUT", "groups/Seniors", {"course_limit": 3})
ask("PUT", "groups/Seniors/students/1")
ask("PUT", "courses/3/seats", {"capacity": 9, "opens_at": "2099-01-01T08:00:00Z", "group_opens_at": {"Seniors": "2026-01-01T08:00:00Z"}})
ask("POST", "students/4/holds", {"reason": "fees"})
ask("PUT", "rules", {"course_limit": 4})
ask("DELETE", "students/6")
change = ask("POST", "seat-changes", {"seats": {"capacity": 40}, "courses": {"ids": [2]}})
ask("POST", f"seat-changes/{change['id']}/apply")
plan = ask("POST", "imports", "name,email,number\nGus,7@example.edu,007\n", kind="text/csv")
ask("POST", f"imports/{plan['id']}/apply")
token = run("token", "create", "--name", "Office", "--role", "admin").strip()
run("account", "add", "--role", "instructor", "Ruth", "ruth@example.edu")
office = {"authorization": f"Bearer {token}"}
ruth = ask("GET", "accounts", **office)[0]["id"]
ask("PUT", f"courses/1/instructors/{ruth}", **office)
serving.terminate()
serving.wait()
check = run("check")
dump = (
    ["pg_dump", "--inserts", "--no-owner", "--no-privileges", database] if server else ["sqlite3", database, ".dump"]
)
text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
# Commands of psql, and the setting that would hide every table.
lines = [line for line in text.splitlines() if not line.startswith("\\") and "set_config('search_path'" not in line]
head = [f"-- {check.strip()}", f"-- token {token}"]
pathlib.Path(__file__).with_name(name).write_text("\n".join(head + lines) + "\n")
print(check, end="")
