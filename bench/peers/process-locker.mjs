// What process-locker 0.3.2 does, written anew from its description because its package cannot be had: a script that asks for a key, a script
// that stores a result and publishes it to every instance, and waiters that are told by that message. It has its gaps, too: no lease, no token.
// The client has its default settings; with `pipelining` as the second argument, commands of one turn of the event loop go out together.
import Redis from 'ioredis';
import { closedLoop, monotonic, serve } from './host.mjs';

const port = Number(process.argv[2]);
const channel = 'process-locker';
const waiters = new Map();
const redis = new Redis(port, '127.0.0.1', { enableAutoPipelining: process.argv[3] === 'pipelining' });
const sub = new Redis(port, '127.0.0.1');

redis.defineCommand('plRequest', {
  numberOfKeys: 1,
  lua: `local value = redis.call('GET', KEYS[1])
if value then return value end
redis.call('SET', KEYS[1], 'L', 'PX', ARGV[1])
return 'N'`,
});
redis.defineCommand('plPublish', {
  numberOfKeys: 1,
  lua: `redis.call('SET', KEYS[1], 'D' .. ARGV[1], 'PX', ARGV[2])
return redis.call('PUBLISH', ARGV[3], ARGV[4])`,
});

await sub.subscribe(channel);
sub.on('message', (_, text) => {
  const { key, result } = JSON.parse(text);
  const waiting = waiters.get(key);
  if (!waiting) return;
  waiters.delete(key);
  for (const wake of waiting) wake(JSON.parse(result));
});

async function request(key) {
  let wake;
  const told = new Promise(resolve => { wake = resolve; });
  const waiting = waiters.get(key);
  if (waiting) waiting.push(wake);
  else waiters.set(key, [wake]);
  const answer = await redis.plRequest(`pl:${key}`, 3_600_000);
  if (answer[0] === 'L') return { done: true, result: await told };
  waiters.delete(key);
  return answer[0] === 'N' ? { done: false } : { done: true, result: JSON.parse(answer.slice(1)) };
}

const publish = (key, value) => {
  const result = JSON.stringify(value);
  return redis.plPublish(`pl:${key}`, result, 1_800_000, channel, JSON.stringify({ key, result }));
};

const value = 'x'.repeat(198);
let number = 0;
let waiting = [];

await serve({
  open() {},

  once: request_ => closedLoop(request_, async () => {
    const key = `k${process.pid}-${number++}`;
    const answer = await request(key);
    if (answer.done) throw new Error('Somebody else has the key.');
    await publish(key, value);
  }),

  async hold({ key }) {
    if ((await request(key)).done) throw new Error('Somebody else has the key.');
  },

  async wait({ key, count }) {
    waiting = Array.from({ length: count }, async () => { await request(key); return monotonic(); });
    await redis.ping();
  },

  async publish({ key }) {
    const at = monotonic();
    await publish(key, value);
    return { at };
  },

  async woke() { return { times: await Promise.all(waiting) }; },
});
