// Keys: who may sign in and sign requests, and what each may do with which bucket.

import { h, render, ask, notice, copyButton } from './dom.js';
import { get, post, call, at, signedIn, may } from './api.js';
import { compare, time } from './words.js';
import { dot } from './charts.js';

const roles = [['none', 'No role: what is granted, and nothing else'], ['viewer', 'Viewer: sees everything here that is no secret'],
  ['operator', 'Operator: also runs the mesh'], ['admin', 'Admin: everything, all buckets too']];
const rights = [['read', 'read: objects and lists'], ['write', 'write: objects, uploads and tags'], ['owner', 'owner: everything, settings too']];

export function keys(place) {
  let all = null;
  let buckets = [];
  let fault = '';
  let isOpen = true;

  const load = async () => {
    try {
      const [found, names] = await Promise.all([get('keys'), get('buckets')]);
      all = found.keys.sort((a, b) => compare(a.id, b.id));
      buckets = names.buckets.map((bucket) => bucket.name).sort(compare);
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
        { name: 'role', label: 'Role', kind: 'choice', options: roles },
        { name: 'createBuckets', label: 'May create buckets', kind: 'check' },
        { name: 'id', label: 'Id to import (leave empty for a new one)', maxlength: 128 },
        { name: 'secret', label: 'Secret to import', kind: 'password', maxlength: 128, autocomplete: 'new-password' },
      ],
      act: ({ id, secret, role, createBuckets }) => post('keys', { role, createBuckets, ...(id || secret ? { id, secret } : {}) }),
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
    text: own(key) ? 'You are signed in with this key: you will be signed out.' : 'Requests that it signs are refused at once.',
    act: () => call('PATCH', `keys/${at(key.id)}`, { disabled: true }),
  }).then(load));

  const changeRole = async (key) => {
    await ask({
      title: `The role of ${key.id}`, action: 'Change',
      text: own(key) ? 'You are signed in with this key: what you may do here changes at once.' : 'Its sessions have the new role at once.',
      fields: [{ name: 'role', label: 'Role', kind: 'choice', options: roles, value: key.role }],
      act: ({ role }) => call('PATCH', `keys/${at(key.id)}`, { role }),
    });
    load();
  };

  const remove = async (key) => {
    await ask({
      title: `Delete ${key.id}?`, action: 'Delete', danger: true,
      text: own(key) ? 'You are signed in with this key: you will be signed out.' : 'It cannot be brought back.',
      act: () => call('DELETE', `keys/${at(key.id)}`),
    });
    load();
  };

  const grant = async (key) => {
    if (buckets.length === 0) return notice('There is no bucket yet.', 'bad');
    await ask({
      title: `Give ${key.id} a right`, action: 'Give',
      fields: [{ name: 'bucket', label: 'Bucket', kind: 'choice', options: buckets.map((name) => [name, name]) },
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

  const draw = () => render(place,
    h('div', { class: 'row' }, h('h1', {}, 'Access keys'), may('admin') ? h('button', { class: 'primary', onclick: create }, 'New key') : null),
    fault ? h('p', { class: 'fault' }, fault) : null,
    !all ? (fault ? null : h('p', { class: 'quiet' }, 'Asking…')) : h('section', { class: 'card scroll' }, h('table', { class: 'stack' },
      h('thead', {}, h('tr', {}, ['Id', 'State', 'May', 'Rights', 'Created', 'Orders'].map((text) => h('th', {}, text === 'Orders' ? h('span', { class: 'hidden' }, text) : text)))),
      h('tbody', {}, all.map((key) => h('tr', { key: key.id },
        h('th', { scope: 'row', 'data-label': 'Id' }, h('span', {}, h('code', {}, key.id), own(key) ? h('span', { class: 'quiet' }, ' (you)') : null)),
        h('td', { 'data-label': 'State' }, dot(key.disabled ? 'off' : 'good', key.disabled ? 'disabled' : 'works')),
        h('td', { 'data-label': 'May' }, [key.role === 'none' ? '' : key.role, key.createBuckets ? 'creates buckets' : ''].filter(Boolean).join(', ') || '–'),
        h('td', { 'data-label': 'Rights' }, key.admin ? 'all buckets' : [
          h('ul', { class: 'tags' }, key.grants.flatMap((entry) => entry.rights.map((right) => h('li', {}, `${entry.bucket}: ${right} `,
            may('admin') ? h('button', { class: 'plain', 'aria-label': `Take ${right} on ${entry.bucket} away`, onclick: () => revoke(key, entry.bucket, right) }, '×') : null)))),
          may('admin') ? h('button', { class: 'small', onclick: () => grant(key) }, 'Give…') : null]),
        h('td', { 'data-label': 'Created' }, time(Date.parse(key.created))),
        h('td', { class: 'orders' }, !may('admin') ? null : [
          h('button', { class: 'small', onclick: () => changeRole(key) }, 'Role…'),
          h('button', { class: 'small', onclick: () => toggle(key) }, key.disabled ? 'Enable' : 'Disable…'),
          h('button', { class: 'small', onclick: () => remove(key) }, 'Delete…')])))))));

  draw();
  load();
  return () => { isOpen = false; };
}

const own = (key) => signedIn()?.kind === 'accessKey' && signedIn().name === key.id;
