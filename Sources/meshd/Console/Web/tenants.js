// Tenants: who has buckets and keys under names of its own, how much each has, and how much it may have.

import { h, render, ask, notice } from './dom.js';
import { get, post, call, at, may } from './api.js';
import { compare, count } from './words.js';
import { dot, since } from './charts.js';
import { usedBytes, usedObjects, usedPlaces, quotaFields, quotaOf, countField, countOf } from './quotas.js';

const pollMillis = 10000;

export function tenants(place) {
  let all = null;
  let fault = '';
  let isOpen = true;
  let timer = null;

  const load = async () => {
    try {
      all = (await get('tenants')).tenants.sort((a, b) => compare(a.name, b.name));
      fault = '';
    } catch (error) {
      fault = error.message;
    }
    if (!isOpen) return;
    clearTimeout(timer);
    timer = setTimeout(load, pollMillis);
    draw();
  };

  const create = async () => {
    const made = await ask({
      title: 'New tenant', action: 'Create',
      text: 'A tenant has buckets and keys of its own. Its keys see nothing else, and its buckets may be named like those of others.',
      fields: [{ name: 'name', label: 'Name', required: true, maxlength: 32, pattern: '[a-z0-9]([a-z0-9\\-]*[a-z0-9])?',
        hint: '1 to 32 small letters, digits and hyphens.' }, ...fields()],
      act: (values) => post('tenants', { name: values.name, quota: quota(values) }),
    });
    if (made) notice(`The tenant ${made.name} is there. It needs a key: the page Keys makes one.`);
    load();
  };

  const limit = async (tenant) => {
    await ask({
      title: `The quota of ${tenant.name}`, action: 'Change', fields: fields(tenant.quota),
      text: 'What is there already stays. Writes that would go over it are refused; reads and deletes go on.',
      act: (values) => call('PATCH', path(tenant), { quota: quota(values) }),
    });
    load();
  };

  const enable = async (tenant) => {
    try {
      await call('PATCH', path(tenant), { disabled: false });
      notice(`The keys of ${tenant.name} work again.`);
    } catch (error) {
      notice(error.message, 'bad');
    }
    load();
  };

  const disable = async (tenant) => {
    await ask({
      title: `Disable ${tenant.name}?`, danger: true, action: 'Disable',
      text: 'Requests that its keys sign are refused, and who is signed in with one is signed out. Its objects stay.',
      act: () => call('PATCH', path(tenant), { disabled: true }),
    });
    load();
  };

  const remove = async (tenant) => {
    await ask({
      title: `Delete the tenant ${tenant.name}?`, danger: true, action: 'Delete',
      text: 'Only a tenant without buckets and without keys can be deleted.',
      act: async () => {
        await call('DELETE', path(tenant));
        notice(`The tenant ${tenant.name} is gone.`);
      },
    });
    load();
  };

  const row = (tenant) => h('tr', { key: tenant.name },
    h('th', { scope: 'row', 'data-label': 'Name' }, tenant.name),
    h('td', { 'data-label': 'State' }, dot(tenant.disabled ? 'off' : 'good', tenant.disabled ? 'disabled' : 'works')),
    h('td', { 'data-label': 'Buckets' }, h('a', { href: `#/storage?show=${encodeURIComponent(`${tenant.name}:`)}`,
      'aria-label': `Buckets of ${tenant.name}: ${count(tenant.usage.buckets)}` }, usedPlaces(tenant.usage.buckets, tenant.quota?.buckets))),
    h('td', { 'data-label': 'Keys' }, usedPlaces(tenant.usage.keys, tenant.quota?.keys)),
    h('td', { 'data-label': 'Objects' }, usedObjects(tenant.usage, tenant.quota)),
    h('td', { 'data-label': 'Size' }, usedBytes(tenant.usage, tenant.quota)),
    h('td', { 'data-label': 'Created' }, since(Date.parse(tenant.created))),
    h('td', { class: 'orders' }, !may('admin') ? null : [
      h('button', { class: 'small', onclick: () => limit(tenant), 'aria-label': `Quota of ${tenant.name}` }, 'Quota…'),
      h('button', { class: 'small', onclick: () => (tenant.disabled ? enable : disable)(tenant),
        'aria-label': `${tenant.disabled ? 'Enable' : 'Disable'} ${tenant.name}` }, tenant.disabled ? 'Enable' : 'Disable…'),
      h('button', { class: 'small', onclick: () => remove(tenant), 'aria-label': `Delete ${tenant.name}` }, 'Delete…')]));

  const draw = () => render(place,
    h('div', { class: 'row' }, h('h1', {}, 'Tenants'), may('admin') ? h('button', { class: 'primary', onclick: create }, 'New tenant') : null),
    fault ? h('p', { class: 'fault' }, fault) : null,
    !all ? (fault ? null : h('p', { class: 'quiet' }, 'Asking…')) : all.length === 0
      ? h('p', { class: 'card quiet' }, 'There is no tenant. One is needed only where several parties share this mesh and are not to see each other.')
      : h('section', { class: 'card scroll' }, h('table', { class: 'stack' },
        h('thead', {}, h('tr', {}, ['Name', 'State', 'Buckets', 'Keys', 'Objects', 'Size', 'Created', 'Orders']
          .map((text) => h('th', {}, text === 'Orders' ? h('span', { class: 'hidden' }, text) : text)))),
        h('tbody', {}, all.map(row)))));

  draw();
  load();
  return () => {
    isOpen = false;
    clearTimeout(timer);
  };
}

const path = (tenant) => `tenants/${at(tenant.name)}`;

const fields = (own) => [...quotaFields(own), countField('buckets', 'Buckets at most', own?.buckets), countField('keys', 'Keys at most', own?.keys)];

const quota = (values) => ({ ...quotaOf(values), buckets: countOf('Buckets', values.buckets), keys: countOf('Keys', values.keys) });
