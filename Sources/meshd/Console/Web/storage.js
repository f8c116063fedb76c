// Storage: the buckets. `#/storage/photos` also shows where photos is and the rules that send its objects to other
// places, and `#/storage?show=acme:` only the buckets with this in their names.

import { h, render, ask, notice } from './dom.js';
import { follow, get, post, call, at, may, signedIn } from './api.js';
import { count, compare } from './words.js';
import { since } from './charts.js';
import { watchRules, ruleLink, bucketRules } from './replication.js';
import { hasPlaces, placeLink, bucketPlace } from './places.js';
import { usedBytes, usedObjects, quotaFields, quotaOf } from './quotas.js';

const pollMillis = 10000;
const movingPollMillis = 2000;
// Buckets that are shown before one asks for more.
const pageSize = 100;

const versionings = [['off', 'Off: a new object replaces the old one'], ['enabled', 'On: every version is kept'],
  ['suspended', 'Suspended: old versions stay, new objects replace']];

export function storage(place, path, query) {
  let buckets = null;
  let fault = '';
  let filter = query.get('show') ?? '';
  let isOpen = true;
  let most = pageSize;
  let rules = null;
  let unfollow = null;
  let timer = null;
  // Where the chosen bucket shall go.
  const draft = {};

  const load = async () => {
    try {
      buckets = (await get('buckets')).buckets.sort((a, b) => compare(a.name, b.name));
      fault = '';
    } catch (error) {
      fault = error.message;
    }
    if (!isOpen) return;
    clearTimeout(timer);
    timer = setTimeout(load, buckets?.some((bucket) => bucket.moving) ? movingPollMillis : pollMillis);
    draw();
  };

  const create = async () => {
    const tenants = await choices();
    const made = await ask({
      title: 'New bucket', action: 'Create',
      fields: [
        { name: 'name', label: 'Name', required: true, minlength: 3, maxlength: 63, pattern: '[a-z0-9][a-z0-9.\\-]+[a-z0-9]',
          hint: '3 to 63 small letters, digits, dots and hyphens.' },
        { name: 'versioning', label: 'Versions', kind: 'choice', options: versionings.slice(0, 2) },
        tenants.length ? { name: 'tenant', label: 'Tenant', kind: 'choice', options: [['', 'None: a bucket of the mesh'], ...tenants] } : null,
      ].filter(Boolean),
      act: (values) => post('buckets', { ...values, tenant: values.tenant || undefined }),
    });
    if (made) notice(`The bucket ${made.name} is there.`);
    load();
  };

  // Whose the new bucket can be. Who has a tenant makes buckets of that one.
  const choices = async () => {
    if (!may('operator')) return [];
    try {
      return (await get('tenants')).tenants.map((tenant) => [tenant.name, tenant.name]).sort(([a], [b]) => compare(a, b));
    } catch (error) {
      notice(error.message, 'bad');
      return [];
    }
  };

  const limit = async (bucket) => {
    await ask({
      title: `The quota of ${bucket.name}`, action: 'Change', fields: quotaFields(bucket.quota),
      text: 'What is there already stays. Writes that would go over it are refused; reads and deletes go on.',
      act: (values) => call('PUT', `buckets/${at(bucket.name)}/quota`, quotaOf(values)),
    });
    load();
  };

  const version = async (bucket) => {
    const options = versionings.filter(([value]) => value !== 'off' || bucket.versioning === 'off');
    await ask({
      title: `Versions in ${bucket.name}`, action: 'Change', text: 'Versions that were on can be suspended, not switched off.',
      fields: [{ name: 'versioning', label: 'Versions', kind: 'choice', options, value: bucket.versioning }],
      act: (values) => call('PUT', `buckets/${at(bucket.name)}/versioning`, values),
    });
    load();
  };

  const remove = async (bucket) => {
    await ask({
      title: `Delete the bucket ${bucket.name}?`, danger: true, action: 'Delete', text: 'Only an empty bucket can be deleted.',
      act: async () => {
        await call('DELETE', `buckets/${at(bucket.name)}`);
        notice(`The bucket ${bucket.name} is gone.`);
      },
    });
    load();
  };

  const draw = () => {
    const shown = (buckets ?? []).filter((bucket) => bucket.name.includes(filter));
    const isSpread = rules && (hasPlaces() || buckets?.some((bucket) => bucket.place));
    const columns = ['Name', 'Objects', 'Size', isSpread ? 'Where' : '', 'Versions', rules ? 'Replication' : '',
      'Created', 'Orders'].filter(Boolean);
    const chosen = rules && buckets?.find((bucket) => bucket.name === path[0]);
    render(place,
      h('div', { class: 'row' }, h('h1', {}, 'Buckets'), mayCreate() ? h('button', { class: 'primary', onclick: create }, 'New bucket') : null),
      fault ? h('p', { class: 'fault' }, fault) : null,
      chosen ? [bucketPlace(chosen, draft, draw, load), bucketRules(chosen.name, rules)] : null,
      buckets && (buckets.length > 10 || query.has('show')) ? h('p', { class: 'field' }, h('label', { for: 'filter' }, 'Show names with'),
        h('input', { id: 'filter', value: filter, oninput: (event) => { filter = event.target.value; draw(); } })) : null,
      !buckets ? (fault ? null : h('p', { class: 'quiet' }, 'Asking…')) : buckets.length === 0
        ? h('p', { class: 'card quiet' }, may('viewer') || signedIn()?.tenantAdmin ? 'There is no bucket yet.' : 'Your access key has no grant on any bucket.')
        : h('section', { class: 'card scroll' }, h('p', { class: 'quiet' }, count(shown.length, 'bucket')),
          h('table', { class: 'stack' },
            h('thead', {}, h('tr', {}, columns.map((text) => h('th', {}, text === 'Orders' ? h('span', { class: 'hidden' }, text) : text)))),
            h('tbody', {}, shown.slice(0, most).map((bucket) => h('tr', { key: bucket.name },
              h('th', { scope: 'row', 'data-label': 'Name' }, h('a', { href: `#/objects/${at(bucket.name)}` }, bucket.name)),
              h('td', { 'data-label': 'Objects' }, usedObjects(bucket.usage, bucket.quota)),
              h('td', { 'data-label': 'Size' }, usedBytes(bucket.usage, bucket.quota)),
              isSpread ? h('td', { 'data-label': 'Where' }, placeLink(bucket)) : null,
              h('td', { 'data-label': 'Versions' }, bucket.versioning),
              rules ? h('td', { 'data-label': 'Replication' }, ruleLink(bucket.name, rules)) : null,
              h('td', { 'data-label': 'Created' }, since(Date.parse(bucket.created))),
              h('td', { class: 'orders' },
                may('operator') ? h('button', { class: 'small', onclick: () => limit(bucket), 'aria-label': `Quota of ${bucket.name}` }, 'Quota…') : null,
                h('button', { class: 'small', onclick: () => version(bucket), 'aria-label': `Versions of ${bucket.name}` }, 'Versions…'),
                h('button', { class: 'small', onclick: () => remove(bucket),
                  'aria-label': `Delete ${bucket.name}` }, 'Delete…')))))),
          shown.length > most ? h('div', { class: 'row' }, h('p', { class: 'quiet' }, `${count(most)} of them are shown.`),
            h('button', { onclick: () => { most += pageSize; draw(); } }, 'Show more')) : null));
  };

  draw();
  load();
  // Who has no part in the mesh is not told of its rules and places.
  if (may('viewer')) {
    rules = watchRules(() => draw());
    unfollow = follow(draw);
  }
  return () => {
    isOpen = false;
    clearTimeout(timer);
    rules?.stop();
    unfollow?.();
  };
}

function mayCreate() {
  const session = signedIn();
  return may('operator') || session?.createBuckets || session?.tenantAdmin;
}
