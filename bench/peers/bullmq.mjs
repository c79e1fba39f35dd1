// BullMQ as its documentation shows it: delayed jobs, workers with concurrency, jobs removed on completion. Every worker has a connection of its own.
import { Queue, Worker } from 'bullmq';
import { closedLoop, latenessOf, now, openLoop, payloadOf, serve, sleep, until } from './host.mjs';

const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null };
const options = delay => ({ delay, removeOnComplete: true, removeOnFail: true });
const hour = 3_600_000;
let queue;
let workers = [];
let lateness = [];

const newWorker = (ns, concurrency, handle) => {
  const worker = new Worker(ns, handle, { connection, concurrency, autorun: false, removeOnComplete: { count: 0 } });
  worker.on('error', error => console.error(String(error)));
  workers.push(worker);
  return worker;
};

const closeWorkers = async () => {
  await Promise.all(workers.map(worker => worker.close(true)));
  workers = [];
};

await serve({
  async open({ ns }) {
    await closeWorkers();
    await queue?.close();
    queue = new Queue(ns, { connection });
    queue.on('error', error => console.error(String(error)));
    await queue.waitUntilReady();
  },

  posts: request => closedLoop(request, () => queue.add('e', payloadOf(0), options(hour))),

  async bulk(request) {
    const jobs = () => Array.from({ length: request.batch }, () => ({ name: 'e', data: payloadOf(0), opts: options(hour) }));
    const result = await closedLoop(request, () => queue.addBulk(jobs()));
    return { count: result.count * request.batch, rate: result.rate * request.batch, cpuPerCall: result.cpuPerCall / request.batch };
  },

  async fill({ count, delay = 1 }) {
    for (let left = count; left > 0; left -= 500) {
      await queue.addBulk(Array.from({ length: Math.min(500, left) }, () => ({ name: 'e', data: payloadOf(0), opts: options(delay) })));
    }
    await sleep(delay + 5);
  },

  async drain({ count, concurrency, limit }) {
    let done = 0;
    const start = performance.now();
    const cpu = process.cpuUsage();
    let end = start;
    const worker = newWorker(queue.name, concurrency, async () => {});
    worker.on('completed', () => { if (++done === count) end = performance.now(); });
    worker.run();
    await until(() => done >= count, limit);
    if (done < count) end = performance.now();
    const used = process.cpuUsage(cpu);
    await closeWorkers();
    return { count: done, rate: done / ((end - start) / 1000), cpuPerCall: (used.user + used.system) / done };
  },

  async listen({ ns, listeners, concurrency = 64 }) {
    lateness = [];
    for (let i = 0; i < listeners; i++) {
      const worker = newWorker(ns, concurrency, async job => { lateness.push(now() - job.data.due); });
      worker.run();
      await worker.waitUntilReady();
    }
  },

  pour: request => openLoop(request, delay => queue.add('e', payloadOf(now() + delay), options(delay))),

  async lateness({ expect, limit }) {
    await until(() => lateness.length >= expect, limit);
    return latenessOf(lateness, expect, limit);
  },

  forget() { lateness = []; },
  unlisten: closeWorkers,
});
