// A desk for students and courses, made with react-admin and its data provider for json-server.

import jsonServerProvider from 'ra-data-json-server';
import {
  Admin, Create, DataTable, Edit, HttpError, List, Resource, SearchInput, SimpleForm, TextInput, fetchUtils, required,
} from 'react-admin';
import { createRoot } from 'react-dom/client';

const api = process.env.API_URL;

/** Sends the token, and reads problems (RFC 9457) the way react-admin shows errors. */
async function httpClient(url, options = {}) {
  const headers = new Headers(options.headers);
  headers.set('Authorization', `Bearer ${sessionStorage.getItem('token')}`);
  try {
    const reply = await fetchUtils.fetchJson(url, { ...options, headers });
    return { ...reply, json: reply.json ?? {} }; // A deletion has no body.
  } catch (error) {
    const { detail, errors = [] } = error.body ?? {};
    const fields = errors.filter(({ pointer }) => pointer).map(({ pointer, detail }) => [pointer.slice(1), detail]);
    throw new HttpError(detail ?? error.message, error.status, { ...error.body, errors: Object.fromEntries(fields) });
  }
}

/**
 * The password of the form is a token of matricula. There is no `getPermissions`: with one that answers at once, react-admin
 * may go back and forth between the list and the form on a slow machine.
 */
const authProvider = {
  login: async ({ password }) => {
    sessionStorage.setItem('token', password);
    await httpClient(`${api}/me`);
  },
  logout: async () => sessionStorage.removeItem('token'),
  checkAuth: async () => {
    if (!sessionStorage.getItem('token')) throw new Error('Sign in with a token.');
  },
  checkError: async ({ status }) => {
    if (status === 401) throw new Error('The token is not valid any more.');
  },
};

const search = [<SearchInput source="q" alwaysOn key="q" />];

const Students = () => (
  <List filters={search} sort={{ field: 'name', order: 'ASC' }}>
    <DataTable>
      <DataTable.Col source="name" />
      <DataTable.Col source="email" />
      <DataTable.Col source="number" disableSort />
    </DataTable>
  </List>
);

const StudentForm = () => (
  <SimpleForm>
    <TextInput source="name" validate={required()} />
    <TextInput source="email" validate={required()} />
    <TextInput source="number" />
  </SimpleForm>
);

const Courses = () => (
  <List filters={search} sort={{ field: 'name', order: 'ASC' }} filter={{ include: 'counts' }}>
    <DataTable>
      <DataTable.Col source="name" />
      <DataTable.Col source="level" />
      <DataTable.Col source="code" disableSort />
      <DataTable.NumberCol source="seats.enrolled" label="Students" disableSort />
      <DataTable.NumberCol source="seats.capacity" label="Seats" disableSort />
    </DataTable>
  </List>
);

const CourseForm = () => (
  <SimpleForm>
    <TextInput source="name" validate={required()} />
    <TextInput source="level" validate={required()} />
    <TextInput source="code" />
  </SimpleForm>
);

const form = (Page, Form) => () => (
  <Page redirect="list" mutationMode="pessimistic"><Form /></Page>
);

createRoot(document.getElementById('root')).render(
  <Admin
    title="Registrar’s desk"
    dataProvider={jsonServerProvider(api, httpClient)}
    authProvider={authProvider}
    requireAuth
    disableTelemetry
  >
    <Resource
      name="students" list={Students} create={form(Create, StudentForm)} edit={form(Edit, StudentForm)}
      recordRepresentation="name"
    />
    <Resource
      name="courses" list={Courses} create={form(Create, CourseForm)} edit={form(Edit, CourseForm)}
      recordRepresentation="name"
    />
  </Admin>,
);
