// A whole registration with openapi-fetch, with the types that openapi-typescript makes from the document of the server.
import createClient from "openapi-fetch";
import type { components, paths } from "./matricula.js";

type Schemas = components["schemas"];

const { ADDRESS: baseUrl, TOKEN: token } = process.env;
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

/** The answer, which is not a problem. */
function ok<T>({ data, error }: { data?: T; error?: unknown }): T {
  check(data !== undefined, error);
  return data;
}

// Without a token, the answer is a problem.
const refused = await createClient<paths>({ baseUrl }).GET("/api/v1/me");
check(refused.error?.type === "/problems/unauthorized", refused);
const me: Schemas["Me"] = ok(await client.GET("/api/v1/me"));
check(me.role === "admin", me);

async function student(name: string): Promise<Schemas["Student"]> {
  const body = { name, email: `${name.toLowerCase()}@example.edu` };
  return ok(await client.POST("/api/v1/students", { body }));
}

async function course(name: string, capacity: number, waitlist_capacity = 0): Promise<Schemas["Course"]> {
  const made = ok(await client.POST("/api/v1/courses", { body: { name, level: "1" } }));
  const params = { path: { course_id: made.id } };
  ok(await client.PUT("/api/v1/courses/{course_id}/seats", { params, body: { capacity, waitlist_capacity } }));
  return made;
}

function enroll(student: { id: number }, course: { id: number }) {
  const params = { path: { student_id: student.id } };
  return client.POST("/api/v1/students/{student_id}/courses", { params, body: { course_id: course.id } });
}

const [ana, ben, eve] = [await student("Ana"), await student("Ben"), await student("Eve")];
const [algebra, biology] = [await course("Algebra", 1), await course("Biology", 2)];
const chess = await course("Chess", 0, 5);

// Enroll, and be refused: `type` decides which members a problem has.
const enrolled = ok(await enroll(ana, algebra));
check("enrolled_at" in enrolled, enrolled);
const { error: again } = await enroll(ana, algebra);
check(again?.type === "/problems/already-enrolled", again);
check(again.enrollment.id === enrolled.id, again);
const { error: full } = await enroll(ben, algebra);
check(full?.type === "/problems/course-full", full);
const seats: [number, number, number] = [full.course_id, full.capacity, full.enrolled];
check(seats.join() === [algebra.id, 1, 1].join(), full);
const waiting = ok(await enroll(ben, chess));
check("position" in waiting && waiting.position === 1, waiting);
const { error: invalid } = await client.POST("/api/v1/students", { body: { name: "", email: "nobody" } });
check(invalid?.type === "/problems/invalid-request", invalid);
check(invalid.errors.map((error) => error.pointer).join() === "/name,/email", invalid);

// Swap, in a batch: a result for each operation, refused ones with their problem.
ok(await enroll(eve, biology));
const [stuck, swapped] = ok(
  await client.POST("/api/v1/enrollments/batch", {
    body: [
      { op: "swap", student_id: eve.id, from: biology.id, to: algebra.id },
      { op: "swap", student_id: ana.id, from: algebra.id, to: biology.id },
    ],
  }),
);
check(stuck.problem?.type === "/problems/course-full" && stuck.problem.capacity === 1, stuck);
check(swapped.status === 201 && swapped.enrollment?.course_id === biology.id, swapped);

// Import a file.
const rows = Array.from({ length: 10 }, (_, n) => `${n + 100},Student ${n},s${n}@example.edu\n`);
const plan = ok(
  await client.POST("/api/v1/imports", {
    params: { query: { kind: "students", name: "students.csv" } },
    body: `number,name,email\n${rows.join("")}`,
    bodySerializer: (body) => body,
    headers: { "content-type": "text/csv" },
  }),
);
check(plan.status === "planned" && plan.counts.new === 10, plan);
const params = { path: { import_id: plan.id } };
check(ok(await client.POST("/api/v1/imports/{import_id}/apply", { params })).status === "applied", plan);

// Page through a list.
const names: (string | null)[] = [];
let after: string | undefined;
do {
  const page = await client.GET("/api/v1/students", { params: { query: { limit: 4, after } } });
  names.push(...ok(page).map((one) => one.name));
  after = page.response.headers.get("x-next-cursor") ?? undefined;
} while (after !== undefined);
check(names.length === 13 && new Set(names).size === 13, names);
const courses: Schemas["Course"][] = ok(await client.GET("/api/v1/courses"));
check(courses.map((one) => one.name).join() === "Algebra,Biology,Chess", courses);

// Read the log, and follow it.
const log: Schemas["LogEntry"][] = ok(await client.GET("/api/v1/events"));
const last = log[log.length - 1];
check(last.type === "import.applied", last);
await student("Zoë");
const stop = new AbortController();
const query = { after: last.seq };
const stream = await client.GET("/api/v1/events/stream", { params: { query }, parseAs: "stream", signal: stop.signal });
const reader = ok(stream)!.pipeThrough(new TextDecoderStream()).getReader();
let text = "";
while (!/^data:.*\n\n/m.test(text)) text += (await reader.read()).value ?? "";
stop.abort();
const entry: Schemas["LogEntry"] = JSON.parse(text.match(/^data:(.*)$/m)![1]);
check(entry.seq === last.seq + 1 && entry.type === "student.created", entry);

console.log("registered");
