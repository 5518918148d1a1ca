// Peer service: Fastify 5 + better-sqlite3 or pg (a pool). One process.
//
//     NODE_ENV=production DATABASE=... PORT=... node fastify_app.mjs
//
// No request log, response schemas as Fastify recommends, prepared statements on both engines.
// SQLite runs with WAL and synchronous=FULL, PostgreSQL with the server's own durability.
// Fair on one core: a Node process runs one event loop, so a second process would not help.

import Fastify from 'fastify'

const { DATABASE, PORT } = process.env

const SELECT_STUDENT = 'select id, name, email from students where id = $1'
const SELECT_COURSE = 'select id from courses where id = $1'
const SELECT_COURSES = `select c.id, c.name, c.level
  from student_courses sc join courses c on c.id = sc.course_id
  where sc.student_id = $1 order by sc.id`
const SELECT_SEATS = 'select capacity from course_seats where course_id = $1'
const COUNT_TAKEN = 'select count(*) as taken from student_courses where course_id = $1'
const INSERT = `insert into student_courses (student_id, course_id, enrolled_at)
  values ($1, $2, $3) returning id, student_id, course_id, enrolled_at`

const FULL = 'The course is full.'
const DUPLICATE = 'The student has this course already.'

class Refused extends Error {}

async function sqliteStore (file) {
  const { default: Database } = await import('better-sqlite3')
  const db = new Database(file, { timeout: 5000, fileMustExist: true })
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON']) db.pragma(pragma)
  const prepare = (sql) => db.prepare(sql.replaceAll(/\$\d/g, '?'))
  const [student, course, courses, seats, taken, insert] =
    [SELECT_STUDENT, SELECT_COURSE, SELECT_COURSES, SELECT_SEATS, COUNT_TAKEN, INSERT].map(prepare)
  const enroll = db.transaction((studentId, courseId, now) => {
    const capacity = seats.get(courseId)?.capacity ?? Infinity
    if (capacity < Infinity && taken.get(courseId).taken >= capacity) throw new Refused(FULL)
    return insert.get(studentId, courseId, now)
  })
  return {
    student: (id) => student.get(id),
    course: (id) => course.get(id),
    courses: (id) => courses.all(id),
    enroll (studentId, courseId, now) {
      try {
        return enroll.immediate(studentId, courseId, now)
      } catch (error) {
        throw error.code?.startsWith('SQLITE_CONSTRAINT') ? new Refused(DUPLICATE) : error
      }
    }
  }
}

async function postgresStore (connectionString) {
  const { default: pg } = await import('pg')
  pg.types.setTypeParser(pg.types.builtins.INT8, Number)
  const pool = new pg.Pool({ connectionString })
  pool.on('error', console.error)
  const run = async (db, name, text, ...values) => (await db.query({ name, text, values })).rows
  return {
    student: async (id) => (await run(pool, 'student', SELECT_STUDENT, id))[0],
    course: async (id) => (await run(pool, 'course', SELECT_COURSE, id))[0],
    courses: (id) => run(pool, 'courses', SELECT_COURSES, id),
    async enroll (studentId, courseId, now) {
      const client = await pool.connect()
      try {
        await client.query('begin')
        const [seats] = await run(client, 'seats', `${SELECT_SEATS} for update`, courseId)
        const capacity = seats?.capacity ?? Infinity
        if (capacity < Infinity) {
          const [{ taken }] = await run(client, 'taken', COUNT_TAKEN, courseId)
          if (taken >= capacity) throw new Refused(FULL)
        }
        const [enrollment] = await run(client, 'insert', INSERT, studentId, courseId, now)
        await client.query('commit')
        return enrollment
      } catch (error) {
        await client.query('rollback')
        throw error.code?.startsWith('23') ? new Refused(DUPLICATE) : error
      } finally {
        client.release()
      }
    }
  }
}

const store = /^postgres(ql)?:/.test(DATABASE) ? await postgresStore(DATABASE) : await sqliteStore(DATABASE)

const id = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER }
const object = (properties) => ({ type: 'object', required: Object.keys(properties), properties })
const integer = { type: 'integer' }
const string = { type: 'string' }
const params = object({ student_id: id })
const problem = object({ detail: string })
const student = object({ id: integer, name: string, email: string })
const courses = { type: 'array', items: object({ id: integer, name: string, level: string }) }
const enrollment = object({ id: integer, student_id: integer, course_id: integer, enrolled_at: string })

const app = Fastify({ logger: false })
const fail = (statusCode, detail) => Object.assign(new Error(detail), { statusCode })

app.setErrorHandler((error, _request, reply) => {
  const status = error.statusCode ?? 500
  if (status >= 500) console.error(error)
  reply.code(status).send({ detail: status >= 500 ? 'Internal error.' : error.message })
})
app.setNotFoundHandler((_request, reply) => reply.code(404).send({ detail: 'Not found.' }))

app.get('/healthz', async () => 'ok')

app.get('/api/v1/students/:student_id', {
  schema: { params, response: { 200: student, '4xx': problem } }
}, async (request) => {
  const found = await store.student(request.params.student_id)
  if (!found) throw fail(404, 'No such student.')
  return found
})

app.get('/api/v1/students/:student_id/courses', {
  schema: { params, response: { 200: courses, '4xx': problem } }
}, async (request) => {
  const { student_id: studentId } = request.params
  const found = await store.courses(studentId)
  if (found.length === 0 && !await store.student(studentId)) throw fail(404, 'No such student.')
  return found
})

app.post('/api/v1/students/:student_id/courses', {
  schema: { params, body: object({ course_id: id }), response: { 201: enrollment, '4xx': problem } }
}, async (request, reply) => {
  const { student_id: studentId } = request.params
  const { course_id: courseId } = request.body
  try {
    const created = await store.enroll(studentId, courseId, new Date().toISOString())
    reply.code(201)
    return created
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    if (!await store.student(studentId)) throw fail(404, 'No such student.')
    if (!await store.course(courseId)) throw fail(404, 'No such course.')
    throw fail(409, error.message)
  }
})

await app.listen({ host: '127.0.0.1', port: Number(PORT) })
