// What the peers share: they take requests from standard input, a JSON object a line, and answer each with a JSON object on standard output.
import { createInterface } from 'node:readline';

export const payloadOf = due => ({ due, d: 'x'.repeat(200 - JSON.stringify({ due, d: '' }).length) });

/** Wall clock in ms with fractions, the same for all processes of the machine. */
export const now = () => performance.timeOrigin + performance.now();

/** Monotonic clock in µs, the same for all processes of the machine. */
export const monotonic = () => Number(process.hrtime.bigint() / 1000n);

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Runs `inFlight` callers that each repeat `call` until the time is over, after a warm-up. */
export async function closedLoop({ seconds, warmUp = 0.5, inFlight }, call) {
  let done = 0;
  let end = performance.now() + warmUp * 1000;
  const loop = async () => { while (performance.now() < end) { await call(); done++; } };
  await Promise.all(Array.from({ length: inFlight }, loop));
  done = 0;
  const start = performance.now();
  const cpu = process.cpuUsage();
  end = start + seconds * 1000;
  await Promise.all(Array.from({ length: inFlight }, loop));
  const took = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  return { count: done, rate: done / took, cpuPerCall: (used.user + used.system) / done };
}

/** Calls `post(delayMs)` at a steady rate, however long the posts take, with delays that are spread evenly. */
export async function openLoop({ rate, seconds, minDelay = 500, maxDelay = 2000 }, post) {
  const start = performance.now();
  const pending = [];
  let sent = 0;
  while (performance.now() - start < seconds * 1000) {
    const wanted = Math.min(Math.floor((performance.now() - start) / 1000 * rate) + 1, rate * seconds);
    for (; sent < wanted; sent++) pending.push(post(Math.round(minDelay + Math.random() * (maxDelay - minDelay))));
    await sleep(rate > 1000 ? 1 : 5);
  }
  await Promise.all(pending);
  return { count: sent, seconds: (performance.now() - start) / 1000 };
}

/** What counts as early is more than 1 ms too early: these libraries keep whole milliseconds. */
export function percentiles(values) {
  const sorted = Float64Array.from(values).sort();
  const at = p => sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] : null;
  return {
    count: sorted.length, min: sorted[0] ?? null, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? null,
    early: sorted.filter(value => value < -1).length,
  };
}

/** How late events were, in ms. What has not come within `limit` seconds is at least so late; left out, it would make the others look good. */
export function latenessOf(values, expect, limit) {
  const missing = Math.max(0, expect - values.length);
  return { ...percentiles([...values, ...Array(missing).fill(limit * 1000)]), missing };
}

/** Waits until `ready()` or the time is over. */
export async function until(ready, seconds) {
  const end = performance.now() + seconds * 1000;
  while (!ready() && performance.now() < end) await sleep(5);
  return ready();
}

export async function serve(verbs) {
  process.stdout.write('{"ready":1}\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      const cpu = process.cpuUsage();
      const started = performance.now();
      if (!verbs[request.do]) throw new Error(`There is no verb '${request.do}'.`);
      answer = (await verbs[request.do](request)) ?? {};
      const used = process.cpuUsage(cpu);
      answer = { cpu: (used.user + used.system) / 1e6, wall: (performance.now() - started) / 1000, ...answer };
    } catch (error) {
      answer = { error: String(error?.stack ?? error) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
  process.exit(0);
}
