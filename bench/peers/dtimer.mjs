// dtimer as its README shows it, on the old client that it was written for (promisified, as it asks). Every listener has connections of its own.
import { createRequire } from 'node:module';
import { closedLoop, latenessOf, now, openLoop, payloadOf, serve, sleep, until } from './host.mjs';

const require = createRequire(import.meta.url);
const { DTimer } = require('dtimer');
const redis = createRequire(require.resolve('dtimer'))('redis'); // dtimer has promisified it
const port = Number(process.argv[2]);
const hour = 3_600_000;
let poster;
let listeners = [];
let lateness = [];

const client = () => {
  const it = redis.createClient(port, '127.0.0.1');
  it.on('error', error => console.error(String(error)));
  return it;
};

const newTimer = async (id, options, listens) => {
  const pub = client();
  const sub = listens ? client() : undefined;
  const timer = new DTimer(id, pub, sub, options);
  timer.on('error', error => console.error(String(error)));
  await sleep(200); // its scripts are loaded by then; it has no way to tell
  return { timer, close: () => { pub.end(); sub?.end(); } };
};

const closeListeners = async () => {
  await Promise.all(listeners.map(({ timer }) => timer.leave()));
  for (const listener of listeners) listener.close();
  listeners = [];
};

const post = (due, delay) => poster.timer.post({ maxRetries: 1, ...payloadOf(due) }, delay);

await serve({
  async open({ ns }) {
    await closeListeners();
    poster?.close();
    poster = await newTimer('', { ns }, false);
    poster.ns = ns;
  },

  posts: request => closedLoop(request, () => post(0, hour)),

  async fill({ count }) {
    let left = count;
    await Promise.all(Array.from({ length: 256 }, async () => { while (left-- > 0) await post(0, 0); }));
  },

  async drain({ count, concurrency, limit }) {
    let done = 0;
    const listener = await newTimer('drain', { ns: poster.ns, maxEvents: concurrency }, true);
    listeners.push(listener);
    const start = performance.now();
    const cpu = process.cpuUsage();
    let end = start;
    listener.timer.on('event', event => {
      listener.timer.confirm(event.id).then(() => { if (++done === count) end = performance.now(); }, error => console.error(String(error)));
    });
    await listener.timer.join();
    await until(() => done >= count, limit);
    if (done < count) end = performance.now();
    const used = process.cpuUsage(cpu);
    await closeListeners();
    return { count: done, rate: done / ((end - start) / 1000), cpuPerCall: (used.user + used.system) / done };
  },

  async listen({ ns, listeners: count, concurrency = 8 }) {
    lateness = [];
    for (let i = 0; i < count; i++) {
      const listener = await newTimer(`node-${i}`, { ns, maxEvents: concurrency }, true);
      listener.timer.on('event', event => {
        lateness.push(now() - event.due);
        listener.timer.confirm(event.id).catch(error => console.error(String(error)));
      });
      listeners.push(listener);
      await listener.timer.join();
    }
  },

  pour: request => openLoop(request, delay => post(now() + delay, delay)),

  async lateness({ expect, limit }) {
    await until(() => lateness.length >= expect, limit);
    return latenessOf(lateness, expect, limit);
  },

  forget() { lateness = []; },
  unlisten: closeListeners,
});
