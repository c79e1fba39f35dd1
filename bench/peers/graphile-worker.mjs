// graphile-worker as a library. Its defaults are one job at a time and a look every 2 s; with `best` there are 64 at a time, jobs are fetched 500 at a
// time and completed together, which is what its page on performance advises, and it looks every 100 ms (it names no shortest interval).
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { eventLog } from './events.mjs';
import { closedLoop, now, openLoop, serve } from './host.mjs';

const hour = 3_600_000;
const events = eventLog();
const logger = new Logger(() => (level, message) => { if (level === 'error') console.error(message); });
let url;
let best;
let utils;
let runner;

const at = due => new Date(Math.ceil(due));
const spec = (payload, due) => ({ identifier: 'e', payload, runAt: at(due) });
const unlisten = async () => { await runner?.stop(); runner = undefined; };
const close = async () => { await unlisten(); await utils?.release(); utils = undefined; };

const listen = async () => {
  runner = await run({
    connectionString: url,
    maxPoolSize: best ? 20 : undefined,
    concurrency: best ? 64 : undefined,
    pollInterval: best ? 100 : undefined,
    noHandleSignals: true,
    logger,
    taskList: { e: async payload => { events.add(payload); } },
    preset: best ? { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } } : undefined,
  });
};

await serve({
  async open(request) {
    await close();
    events.clear();
    url = request.url;
    best = request.best;
    utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: best ? 20 : undefined, logger });
    await utils.migrate();
  },
  close,
  posts: request => closedLoop(request, () => utils.addJob('e', events.payload(0, 0), { runAt: at(now() + hour) })),
  async bulk(request) {
    const due = now() + hour;
    const jobs = () => Array.from({ length: request.batch }, () => spec(events.payload(0, 0), due));
    const result = await closedLoop(request, () => utils.addJobs(jobs()));
    return { count: result.count * request.batch, rate: result.rate * request.batch, cpuPerCall: result.cpuPerCall / request.batch };
  },
  async fill({ count }) {
    const due = now();
    for (let left = count; left > 0; left -= 1000) await utils.addJobs(Array.from({ length: Math.min(1000, left) }, () => spec(events.next(due), due)));
  },
  drain: request => events.drain(request, listen),
  listen,
  pour: request => openLoop(request, delay => { const due = now() + delay; return utils.addJob('e', events.next(due), { runAt: at(due) }); }),
  wait: events.wait,
  unlisten,
  taken: events.taken,
});
