// pg-boss as a library. Its defaults are one job a look and a look every 2 s; with `best` four workers fetch up to 500 jobs at a time, look every 0.5 s, the
// shortest interval that it takes, and without waiting while a look brings all that it may.
import { PgBoss } from 'pg-boss';
import { eventLog } from './events.mjs';
import { closedLoop, now, openLoop, serve } from './host.mjs';

const hour = 3_600_000;
const queue = 'e';
const events = eventLog();
let best;
let boss;
let works = false;

const at = due => new Date(Math.ceil(due));
const unlisten = async () => { if (works) await boss.offWork(queue, { wait: true }); works = false; };
const close = async () => { await unlisten(); await boss?.stop({ graceful: false, close: true }); boss = undefined; };

const listen = async () => {
  const options = best ? { batchSize: 500, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true } : {};
  works = true;
  await boss.work(queue, options, async jobs => { for (const job of jobs) events.add(job.data); });
};

await serve({
  async open(request) {
    await close();
    events.clear();
    best = request.best;
    boss = new PgBoss({ connectionString: request.url, ...(best ? { max: 20 } : {}) });
    boss.on('error', error => console.error(String(error)));
    await boss.start();
    await boss.createQueue(queue);
  },
  close,
  posts: request => closedLoop(request, () => boss.send(queue, events.payload(0, 0), { startAfter: at(now() + hour) })),
  async bulk(request) {
    const startAfter = at(now() + hour);
    const jobs = () => Array.from({ length: request.batch }, () => ({ data: events.payload(0, 0), startAfter }));
    const result = await closedLoop(request, () => boss.insert(queue, jobs()));
    return { count: result.count * request.batch, rate: result.rate * request.batch, cpuPerCall: result.cpuPerCall / request.batch };
  },
  async fill({ count }) {
    const due = now();
    for (let left = count; left > 0; left -= 1000) await boss.insert(queue, Array.from({ length: Math.min(1000, left) }, () => ({ data: events.next(due) })));
  },
  drain: request => events.drain(request, listen),
  listen,
  pour: request => openLoop(request, delay => { const due = now() + delay; return boss.send(queue, events.next(due), { startAfter: at(due) }); }),
  wait: events.wait,
  unlisten,
  taken: events.taken,
});
