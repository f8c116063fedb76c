// Keys: who may sign in and sign requests, and what each may do with which bucket.

import { h, render, ask, notice, copyButton } from './dom.js';
import { get, post, call, at, signedIn, may } from './api.js';
import { compare } from './words.js';
import { dot, since } from './charts.js';

const roles = [['none', 'No role: what is granted, and nothing else'], ['viewer', 'Viewer: sees everything here that is no secret'],
  ['operator', 'Operator: also runs the mesh'], ['admin', 'Admin: everything, all buckets too']];
const tenantRoles = [['no', 'No role: what is granted, and nothing else'], ['yes', 'Admin: all its buckets and keys']];
const rights = [['read', 'read: objects and lists'], ['write', 'write: objects, uploads and tags'], ['owner', 'owner: everything, settings too']];

export function keys(place) {
  let all = null;
  let buckets = [];
  let tenants = [];
  let fault = '';
  let isOpen = true;

  const load = async () => {
    try {
      // Who has a tenant is told of no other.
      const [found, names, parties] = await Promise.all([get('keys'), get('buckets'), may('viewer') ? get('tenants') : { tenants: [] }]);
      all = found.keys.sort((a, b) => (a.id < b.id ? -1 : 1));
      buckets = names.buckets.sort((a, b) => compare(a.name, b.name));
      tenants = parties.tenants.sort((a, b) => compare(a.name, b.name));
      fault = '';
    } catch (error) {
      fault = error.message;
    }
    if (isOpen) draw();
  };

  const create = async () => {
    const made = await ask({
      title: 'New access key', action: 'Create',
      text: 'Without an id and a secret both are made. The secret is shown once and never again.',
      fields: [
        ownTenant() ? null : { name: 'role', label: 'Role', kind: 'choice', options: roles },
        tenants.length ? { name: 'tenant', label: 'Tenant', kind: 'choice', options: [['', 'None'], ...tenants.map(({ name }) => [name, name])],
          hint: 'It is for ever. A key with a tenant has no role.' } : null,
        ownTenant() || tenants.length ? { name: 'tenantAdmin', label: 'Admin of the tenant: all its buckets and keys', kind: 'check' } : null,
        { name: 'createBuckets', label: 'May create buckets', kind: 'check' },
        { name: 'id', label: 'Id to import (leave empty for a new one)', maxlength: 128 },
        { name: 'secret', label: 'Secret to import', kind: 'password', maxlength: 128, autocomplete: 'new-password' },
      ].filter(Boolean),
      act: ({ id, secret, createBuckets, ...values }) => post('keys', { ...standing(values), createBuckets, ...(id || secret ? { id, secret } : {}) }),
    });
    load();
    if (made?.secret) {
      await ask({ title: 'The new key', text: [
        'Keep the secret now: nobody can show it again.',
        h('dl', {}, h('dt', {}, 'Access key'), h('dd', {}, h('code', {}, made.id), ' ', copyButton('Copy', made.id)),
          h('dt', {}, 'Secret key'), h('dd', {}, h('code', {}, made.secret), ' ', copyButton('Copy', made.secret))),
      ] });
    }
  };

  const change = async (key, values, text) => {
    try {
      await call('PATCH', `keys/${at(key.id)}`, values);
      notice(text);
    } catch (error) {
      notice(error.message, 'bad');
    }
    load();
  };

  const toggle = (key) => (key.disabled ? change(key, { disabled: false }, `${key.id} works again.`) : ask({
    title: `Disable ${key.id}?`, action: 'Disable', danger: true,
    text: isOwn(key) ? 'You are signed in with this key: you will be signed out.' : 'Requests that it signs are refused at once.',
    act: () => call('PATCH', `keys/${at(key.id)}`, { disabled: true }),
  }).then(load));

  const changeTenantRole = async (key) => {
    await ask({
      title: `The role of ${key.id} in ${key.tenant}`, action: 'Change',
      text: isOwn(key) ? 'You are signed in with this key: what you may do here changes at once.' : 'Its sessions have the new role at once.',
      fields: [{ name: 'role', label: 'Role', kind: 'choice', options: tenantRoles, value: key.tenantAdmin ? 'yes' : 'no' }],
      act: ({ role }) => call('PATCH', `keys/${at(key.id)}`, { tenantAdmin: role === 'yes' }),
    });
    load();
  };

  const changeRole = async (key) => {
    await ask({
      title: `The role of ${key.id}`, action: 'Change',
      text: isOwn(key) ? 'You are signed in with this key: what you may do here changes at once.' : 'Its sessions have the new role at once.',
      fields: [{ name: 'role', label: 'Role', kind: 'choice', options: roles, value: key.role }],
      act: ({ role }) => call('PATCH', `keys/${at(key.id)}`, { role }),
    });
    load();
  };

  const remove = async (key) => {
    await ask({
      title: `Delete ${key.id}?`, action: 'Delete', danger: true,
      text: isOwn(key) ? 'You are signed in with this key: you will be signed out.' : 'It cannot be brought back.',
      act: () => call('DELETE', `keys/${at(key.id)}`),
    });
    load();
  };

  const grant = async (key) => {
    const fitting = buckets.filter((bucket) => (bucket.tenant ?? '') === (key.tenant ?? ''));
    if (fitting.length === 0) return notice(key.tenant ? `${key.tenant} has no bucket yet.` : 'There is no bucket yet.', 'bad');
    await ask({
      title: `Give ${key.id} a right`, action: 'Give',
      fields: [{ name: 'bucket', label: 'Bucket', kind: 'choice', options: fitting.map(({ name }) => [name, name]) },
        { name: 'right', label: 'Right', kind: 'choice', options: rights }],
      act: ({ bucket, right }) => post(`keys/${at(key.id)}/grant`, { bucket, rights: [right] }),
    });
    load();
    return undefined;
  };

  const revoke = async (key, bucket, right) => {
    await ask({
      title: `Take ${right} on ${bucket} from ${key.id}?`, action: 'Take away', danger: true,
      act: () => post(`keys/${at(key.id)}/revoke`, { bucket, rights: [right] }),
    });
    load();
  };

  const state = (key) => {
    if (key.disabled) return dot('off', 'disabled');
    return tenants.find(({ name }) => name === key.tenant)?.disabled ? dot('off', 'tenant disabled') : dot('good', 'works');
  };

  const rightsOf = (key) => {
    if (key.admin) return 'all buckets';
    if (key.tenantAdmin) return ownTenant() ? 'all buckets' : `all buckets of ${key.tenant}`;
    return [
      h('ul', { class: 'tags' }, key.grants.flatMap((entry) => entry.rights.map((right) => h('li', {}, `${entry.bucket}: ${right} `,
        mayChange() ? h('button', { class: 'plain', 'aria-label': `Take ${right} on ${entry.bucket} away`,
          onclick: () => revoke(key, entry.bucket, right) }, '×') : null)))),
      mayChange() ? h('button', { class: 'small', onclick: () => grant(key) }, 'Give…') : null];
  };

  const draw = () => {
    // Where nobody has a tenant, or everybody has the same, it is not told.
    const hasTenants = !ownTenant() && all?.some((key) => key.tenant);
    const columns = ['Id', hasTenants ? 'Tenant' : '', 'State', 'May', 'Rights', 'Created', 'Orders'].filter(Boolean);
    render(place,
      h('div', { class: 'row' }, h('h1', {}, ownTenant() ? `Access keys of ${ownTenant()}` : 'Access keys'),
        mayChange() ? h('button', { class: 'primary', onclick: create }, 'New key') : null),
      fault ? h('p', { class: 'fault' }, fault) : null,
      !all ? (fault ? null : h('p', { class: 'quiet' }, 'Asking…')) : h('section', { class: 'card scroll' }, h('table', { class: 'stack' },
        h('thead', {}, h('tr', {}, columns.map((text) => h('th', {}, text === 'Orders' ? h('span', { class: 'hidden' }, text) : text)))),
        h('tbody', {}, all.map((key) => h('tr', { key: key.id },
          h('th', { scope: 'row', 'data-label': 'Id' }, h('span', {}, h('code', {}, key.id), isOwn(key) ? h('span', { class: 'quiet' }, ' (you)') : null)),
          hasTenants ? h('td', { 'data-label': 'Tenant' }, key.tenant ?? '–') : null,
          h('td', { 'data-label': 'State' }, state(key)),
          h('td', { 'data-label': 'May' }, abilities(key)),
          h('td', { 'data-label': 'Rights' }, rightsOf(key)),
          h('td', { 'data-label': 'Created' }, since(Date.parse(key.created))),
          h('td', { class: 'orders' }, !mayChange() ? null : [
            h('button', { class: 'small', onclick: () => (key.tenant ? changeTenantRole : changeRole)(key) }, 'Role…'),
            h('button', { class: 'small', onclick: () => toggle(key) }, key.disabled ? 'Enable' : 'Disable…'),
            h('button', { class: 'small', onclick: () => remove(key) }, 'Delete…')])))))));
  };

  draw();
  load();
  return () => { isOpen = false; };
}

const isOwn = (key) => signedIn()?.kind === 'accessKey' && signedIn().name === key.id;
const ownTenant = () => signedIn()?.tenant;
const mayChange = () => may('admin') || signedIn()?.tenantAdmin;

const abilities = (key) => [!key.role || key.role === 'none' ? '' : key.role, key.tenantAdmin ? 'admin of its tenant' : '',
  key.createBuckets ? 'creates buckets' : ''].filter(Boolean).join(', ') || '–';

// Where a new key belongs: to a tenant, or to the mesh with a role. A tenant's admin makes keys of that tenant.
function standing({ role, tenant, tenantAdmin }) {
  if (ownTenant()) return { tenantAdmin };
  if (tenant && role !== 'none') throw new Error('A key with a tenant has no role of the mesh: choose one of the two.');
  if (!tenant && tenantAdmin) throw new Error('Choose the tenant that the key is to be an admin of.');
  return tenant ? { tenant, tenantAdmin } : { role };
}
