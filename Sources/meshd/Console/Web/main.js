// The frame around the pages: who is signed in, which page is open, and whether the picture is alive.

import { h, render, fieldView, notice } from './dom.js';
import * as api from './api.js';
import { span } from './words.js';
import { dashboard } from './dashboard.js';
import { ring } from './ring.js';
import { nodes } from './nodes.js';
import { storage } from './storage.js';
import { objects } from './objects.js';
import { keys } from './keys.js';
import { tenants } from './tenants.js';
import { movements } from './movements.js';
import { events } from './events.js';
import { tests } from './tests.js';

// A page is a function of (place, path): it draws itself into `place`, and returns what to do when it is left. `least` is
// the role that it is for, a viewer where it says nothing; `also` tells who else it is for.
const pages = [
  { name: 'dashboard', title: 'Dashboard', open: dashboard },
  { name: 'ring', title: 'Ring', open: ring },
  { name: 'nodes', title: 'Nodes', open: nodes },
  { name: 'storage', title: 'Storage', open: storage, least: 'user' },
  { name: 'objects', title: 'Objects', open: objects, under: 'storage', least: 'user' },
  { name: 'keys', title: 'Keys', open: keys, also: (session) => session.tenantAdmin },
  { name: 'tenants', title: 'Tenants', open: tenants },
  { name: 'movements', title: 'Movements', open: movements },
  { name: 'events', title: 'Events', open: events },
  { name: 'tests', title: 'Tests', open: tests },
  { name: 'mesh', title: 'Enable mesh', open: late(async () => (await import('./wizard.js')).wizard), under: 'nodes' },
];

// A page whose file is large and seldom needed: it is loaded when it is opened.
function late(load) {
  return (...given) => {
    let isLeft = false;
    let leaveIt = null;
    load().then((page) => { if (!isLeft) leaveIt = page(...given); },
      () => notice('This page did not come. Load the console anew when the node can be reached.', 'bad'));
    return () => { isLeft = true; leaveIt?.(); };
  };
}

const ownPages = () => pages.filter((page) => api.may(page.least ?? 'viewer') || page.also?.(api.signedIn()));

const main = document.getElementById('main');
const top = document.getElementById('top');
let leave = null;

// `#/objects/photos?prefix=a%2F` is the page `objects` with the path [photos] and the query prefix.
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...rest] = path.split('/').filter(Boolean).map(decodeURIComponent);
  const own = ownPages();
  return { page: own.find((page) => page.name === name) ?? own[0], path: rest, query: new URLSearchParams(query) };
}

function open() {
  leave?.();
  leave = null;
  main.replaceChildren();
  const session = api.signedIn();
  top.hidden = !session;
  if (!session) return signInPage();
  const { page, path, query } = place();
  document.title = `${page.title} · meshd`;
  frame(page);
  const body = document.createElement('div');
  body.className = `page ${page.name}`;
  main.append(body);
  leave = page.open(body, path, query) ?? null;
}

function frame(current) {
  const shown = current.under ?? current.name;
  render(document.getElementById('pages'), ownPages().filter((page) => !page.under).map((page) => h('li', { key: page.name },
    h('a', { href: `#/${page.name}`, 'aria-current': page.name === shown ? 'page' : undefined }, page.title))));
  who();
}

function who() {
  const session = api.signedIn();
  if (!session) return;
  const isLost = api.may('viewer') && api.link.state === 'lost';
  render(document.getElementById('who'),
    h('span', { class: isLost ? 'link lost' : 'link', title: isLost ? 'Nothing comes from the node.' : '' },
      isLost ? `no word for ${api.link.heardMillis ? span(Date.now() - api.link.heardMillis) : 'some time'}` : `on ${session.node}`),
    h('span', { class: 'name' }, session.kind === 'token' ? 'admin token' : session.name),
    session.tenant || session.role !== 'admin'
      ? h('span', { class: 'standing' }, session.tenant ? `of ${session.tenant}` : `(${session.role})`) : null,
    h('button', { class: 'small', onclick: () => api.signOut().catch((fault) => notice(fault.message, 'bad')) }, 'Sign out'));
}

function signInPage() {
  document.title = 'Sign in · meshd';
  let fault = '';
  let isBusy = false;
  let way = 'key';
  const isOpen = location.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
  const draw = () => render(main, h('form', { class: 'card signin', onsubmit: submit },
    h('img', { src: '/console/icon.svg', alt: '', width: 48, height: 48 }),
    h('h1', {}, 'meshd'),
    way === 'key' ? [
      h('p', { class: 'quiet' }, 'Sign in with an access key. The first start of the mesh printed one that is an admin.'),
      fieldView({ name: 'accessKey', label: 'Access key', required: true, autocomplete: 'username', maxlength: 128 }),
      fieldView({ name: 'secretKey', label: 'Secret key', kind: 'password', required: true, maxlength: 128,
        autocomplete: 'current-password' }),
    ] : [
      h('p', { class: 'quiet' }, 'The admin token of this node lies in its data directory, in the file ',
        h('code', {}, 'admin-token'), '.'),
      fieldView({ name: 'token', label: 'Admin token', kind: 'password', required: true, maxlength: 256 }),
    ],
    isOpen ? h('p', { class: 'fault' }, 'This connection is not encrypted: whoever listens on the way reads the secret.') : null,
    fault ? h('p', { class: 'fault', role: 'alert' }, fault) : null,
    h('button', { class: 'primary', type: 'submit', disabled: isBusy }, isBusy ? 'Signing in…' : 'Sign in'),
    h('button', { class: 'plain', type: 'button', onclick: () => { way = way === 'key' ? 'token' : 'key'; fault = ''; draw(); } },
      way === 'key' ? 'Use an admin token instead' : 'Use an access key instead')));
  const submit = async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    isBusy = true;
    draw();
    try {
      await api.signIn(values);
    } catch (error) {
      fault = error.message;
      isBusy = false;
      draw();
    }
  };
  draw();
  main.querySelector('input')?.focus();
}

api.whenSession(open);
api.follow(who);
window.addEventListener('hashchange', () => {
  open();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
});
api.resume().catch((fault) => notice(fault.message, 'bad'));
