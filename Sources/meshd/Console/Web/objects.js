// Objects: what is in one bucket, up and down.

import { h, render, ask, notice } from './dom.js';
import { get, call, at, upload, may } from './api.js';
import { bytes, count, percent, time } from './words.js';
import { meter } from './charts.js';
import { versions, share } from './versions.js';

export function objects(place, path, query) {
  const bucket = path[0] ?? '';
  const prefix = query.get('prefix') ?? '';
  const uploads = [];
  let page = null;
  let fault = '';
  let isOpen = true;
  let isWorking = false;

  const load = async (after) => {
    try {
      const ask = new URLSearchParams({ prefix });
      if (after) ask.set('after', after);
      const next = await get(`buckets/${at(bucket)}/objects?${encode(ask)}`);
      page = after ? { folders: [...page.folders, ...next.folders], objects: [...page.objects, ...next.objects], next: next.next } : next;
      fault = '';
    } catch (error) {
      fault = error.message;
    }
    if (isOpen) draw();
  };

  const send = async (files) => {
    const added = [...files].map((file) => ({ file, key: prefix + file.name, done: 0, state: 'waiting' }));
    uploads.push(...added);
    draw();
    if (isWorking) return;
    isWorking = true;
    // One after the other: the disk is the same for all.
    for (let entry = uploads.find((one) => one.state === 'waiting'); entry; entry = uploads.find((one) => one.state === 'waiting')) {
      entry.state = 'sending';
      const work = upload(`buckets/${at(bucket)}/object?key=${encodeURIComponent(entry.key)}`, entry.file, (done) => {
        entry.done = done;
        if (isOpen) draw();
      });
      entry.cancel = work.cancel;
      try {
        await work.done;
        entry.state = 'done';
      } catch (error) {
        entry.state = error.message;
      }
      if (isOpen) draw();
    }
    isWorking = false;
    if (isOpen) load();
  };

  const remove = async (object) => {
    await ask({
      title: 'Delete this object?', danger: true, action: 'Delete', text: object.key,
      act: async () => {
        await call('DELETE', `buckets/${at(bucket)}/object?key=${encodeURIComponent(object.key)}`);
        notice(`${object.key} is deleted.`);
      },
    });
    load();
  };

  const draw = () => {
    const steps = prefix.split('/').slice(0, -1);
    render(place,
      h('div', { class: 'row' },
        h('h1', { class: 'crumbs' }, h('a', { href: '#/storage' }, 'Buckets'), ' / ',
          steps.length ? h('a', { href: link(bucket, '') }, bucket) : bucket,
          steps.map((step, index) => [' / ', index < steps.length - 1
            ? h('a', { href: link(bucket, `${steps.slice(0, index + 1).join('/')}/`) }, step || '(empty)') : step || '(empty)'])),
        h('label', { class: 'button primary' }, 'Upload files',
          h('input', { type: 'file', multiple: true, class: 'hidden', onchange: (event) => { send(event.target.files); event.target.value = ''; } }))),
      fault ? h('p', { class: 'fault' }, fault) : null,
      uploads.length ? h('section', { class: 'card', 'aria-label': 'Uploads' }, h('h2', {}, 'Uploads'), h('ul', { class: 'bars' }, uploads.slice(-20).map((entry) => h('li', {},
        h('span', { class: 'label' }, entry.file.name),
        entry.state === 'sending' ? [meter(entry.file.size ? entry.done / entry.file.size : 1, percent(entry.file.size ? entry.done / entry.file.size : 1)),
          h('button', { class: 'small', onclick: () => entry.cancel() }, 'Cancel')]
          : entry.state === 'done' ? h('span', { class: 'state good' }, `${bytes(entry.file.size)}, on disk`)
            : entry.state === 'waiting' ? h('span', { class: 'quiet' }, 'waits') : h('span', { class: 'fault' }, entry.state))))) : null,
      !page ? (fault ? null : h('p', { class: 'quiet' }, 'Asking…')) : page.folders.length + page.objects.length === 0
        ? h('p', { class: 'card quiet' }, 'Nothing is here.') : table());
  };

  const table = () => h('section', { class: 'card scroll' },
    h('table', { class: 'stack' }, h('thead', {}, h('tr', {}, ['Name', 'Size', 'Written', 'Orders'].map((text) => h('th', {}, text === 'Orders' ? h('span', { class: 'hidden' }, text) : text)))),
      h('tbody', {},
        page.folders.map((folder) => h('tr', { key: `/${folder}` },
          h('th', { scope: 'row', 'data-label': 'Name' }, h('a', { href: link(bucket, folder) }, folder.slice(prefix.length) || folder)),
          h('td', { 'data-label': 'Size' }, 'folder'), h('td', {}), h('td', {}))),
        page.objects.map((object) => h('tr', { key: object.key },
          h('th', { scope: 'row', 'data-label': 'Name', title: `ETag ${object.etag}` },
            h('a', { href: `/api/v1/buckets/${at(bucket)}/object?key=${encodeURIComponent(object.key)}`, download: object.key.split('/').pop() || 'object' },
              object.key.slice(prefix.length) || '(the prefix itself)')),
          h('td', { 'data-label': 'Size' }, bytes(object.size)),
          h('td', { 'data-label': 'Written' }, time(object.millis)),
          h('td', { class: 'orders' },
            may('viewer') ? h('a', { class: 'button small', href: `#/ring?object=${encodeURIComponent(`${bucket}/${object.key}`)}`, 'aria-label': `Where is ${object.key}` }, 'Where') : null,
            h('button', { class: 'small', onclick: () => versions(bucket, object.key, load), 'aria-label': `Versions of ${object.key}` }, 'Versions'),
            h('button', { class: 'small', onclick: () => share(bucket, object.key), 'aria-label': `Share ${object.key}` }, 'Share'),
            h('button', { class: 'small', onclick: () => remove(object), 'aria-label': `Delete ${object.key}` }, 'Delete…')))))),
    h('div', { class: 'row' }, h('p', { class: 'quiet' }, `${count(page.folders.length, 'folder')} and ${count(page.objects.length, 'object')}${page.next ? ' so far' : ''}.`),
      page.next ? h('button', { onclick: () => load(page.next) }, 'Show more') : null));

  draw();
  load();
  return () => { isOpen = false; };
}

const link = (bucket, prefix) => `#/objects/${at(bucket)}?prefix=${encodeURIComponent(prefix)}`;

// Spaces as %20: a plus sign in a key is a plus sign.
const encode = (query) => [...query].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
